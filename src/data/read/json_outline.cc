#include "data/read/json_outline.h"

#include <algorithm>
#include <string_view>

namespace hone {
namespace {

constexpr std::string_view kJsonSpace = " \t\r\n";

std::string_view Trimmed(std::string_view text) {
    const size_t begin = text.find_first_not_of(kJsonSpace);
    if (begin == std::string_view::npos) return "";
    return text.substr(begin, text.find_last_not_of(kJsonSpace) - begin + 1);
}

// Whether a member of the outermost object holds a list of rows; the text may end before it does.
bool HasListOfRows(std::string_view text) {
    JsonOutline outline;
    for (size_t i = 0; i < text.size(); ++i) {
        if (!outline.in_string() && outline.depth() == 1 && text[i] == '[' &&
            HoldsRows(outline.member()) && Trimmed(text.substr(i + 1)).starts_with('{'))
            return true;
        outline.Take(text[i]);
    }
    return false;
}

}  // namespace

void JsonOutline::Take(char c) {
    constexpr size_t kLongestName = 64;
    if (in_string_) {
        if (in_name_ && c != '"' && member_.size() < kLongestName) member_ += c;
        if (escaped_) {
            escaped_ = false;
        } else if (c == '\\') {
            escaped_ = true;
        } else if (c == '"') {
            in_string_ = in_name_ = false;
        }
        return;
    }
    switch (c) {
        case '"':
            in_string_ = true;
            in_name_ = depth_ == 1 && expects_name_;
            if (in_name_) member_.clear();
            expects_name_ = false;
            break;
        case '{':
        case '[':
            expects_name_ = c == '{' && depth_ == 0;
            ++depth_;
            break;
        case '}':
        case ']':
            if (depth_ > 0) --depth_;
            break;
        case ',':
            expects_name_ = depth_ == 1;
            break;
        default:
            break;
    }
}

bool HoldsRows(std::string_view member) {
    for (std::string_view name : {"data", "rows", "train", "examples", "records", "items",
                                  "instances", "samples", "dataset"})
        if (member == name) return true;
    return false;
}

JsonLayout GuessJsonLayout(std::string_view start) {
    const size_t end = start.find('\n');
    const std::string_view rest =
        end == std::string_view::npos ? "" : Trimmed(start.substr(end + 1));
    JsonOutline outline;
    for (char c : start.substr(0, end)) outline.Take(c);
    // A string cannot go over lines, but the text may end within one.
    if (end != std::string_view::npos && outline.in_string()) return JsonLayout::kLines;
    // The whole file is one line, or the beginning of one.
    if (rest.empty()) return HasListOfRows(start) ? JsonLayout::kObjects : JsonLayout::kLines;
    if (outline.depth() == 0) return JsonLayout::kLines;
    for (char c : start.substr(end)) {
        outline.Take(c);
        if (outline.depth() == 0) return JsonLayout::kObjects;
    }
    // It ends further on. Or never: then the first of the lines is cut off, and the second is a row
    // of its own.
    const std::string_view second = Trimmed(rest.substr(0, rest.find('\n')));
    return second.starts_with('{') && !second.ends_with(',') ? JsonLayout::kLines
                                                             : JsonLayout::kObjects;
}

}  // namespace hone
