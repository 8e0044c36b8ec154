#include "answer/grading/template_text.h"

#include <algorithm>
#include <charconv>

#include "base/files/json_file.h"

namespace hone {
namespace {

using Json = nlohmann::ordered_json;

std::string_view Trimmed(std::string_view text) {
    const size_t begin = std::min(text.find_first_not_of(" \t\r\n"), text.size());
    text.remove_prefix(begin);
    return text.substr(0, text.find_last_not_of(" \t\r\n") + 1);
}

// The member or element of that name; nullptr: none.
const Json* Step(const Json& value, const std::string& name) {
    if (value.is_object()) {
        const auto found = value.find(name);
        return found == value.end() ? nullptr : &*found;
    }
    size_t index = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), index);
    const bool number = error == std::errc() && end == name.data() + name.size();
    return value.is_array() && number && index < value.size() ? &value[index] : nullptr;
}

// "a.b[0].c" as a, b, 0, c; an error where a name is empty or a bracket stays open.
bool SplitPath(std::string_view text, std::vector<std::string>& path) {
    std::string name;
    bool bracket = false, after = false;  // inside [ ]; right behind ]
    const auto end_name = [&] {
        const bool good = !name.empty() || after;
        if (!name.empty()) path.push_back(std::move(name));
        name.clear();
        after = false;
        return good;
    };
    for (const char c : text) {
        if (bracket) {
            if (c != ']') {
                if (c < '0' || c > '9') return false;
                name += c;
                continue;
            }
            if (name.empty()) return false;
            path.push_back(std::move(name));
            name.clear();
            bracket = false;
            after = true;
        } else if (c == '.' || c == '[') {
            if (!end_name()) return false;
            bracket = c == '[';
        } else {
            if (after) return false;
            name += c;
        }
    }
    return !bracket && end_name();
}

}  // namespace

absl::StatusOr<TemplateText::Piece> TemplateText::ReadPlace(std::string_view place) {
    Piece piece{.text = std::string(place)};
    if (!SplitPath(place, piece.path))
        return DataError("{{{{{:.100}}}}} is no place: write {{{{item.name}}}}", place);
    const auto& path = piece.path;
    size_t names = 1;
    if (path[0] == "item") {
        piece.root = Root::kItem;
    } else if (path[0] == "sample" && path.size() == 2 && path[1] == "output_text") {
        piece.root = Root::kOutputText;
        names = 2;
    } else if (path[0] == "sample" && path.size() >= 2 && path[1] == "output_json") {
        piece.root = Root::kOutputJson;
        names = 2;
    } else {
        return DataError(
            "{{{{{:.100}}}}} names nothing: there are item, sample.output_text and "
            "sample.output_json",
            place);
    }
    piece.path.erase(piece.path.begin(), piece.path.begin() + static_cast<int64_t>(names));
    return piece;
}

absl::StatusOr<TemplateText> TemplateText::Parse(std::string_view text) {
    TemplateText parsed;
    while (!text.empty()) {
        const size_t begin = std::min(text.find("{{"), text.size());
        if (begin > 0) parsed.pieces_.push_back({.text = std::string(text.substr(0, begin))});
        text.remove_prefix(begin);
        if (text.empty()) break;
        const size_t end = text.find("}}");
        if (end == std::string_view::npos)
            return DataError("\"{:.60}\" begins with two braces that are not closed", text);
        HONE_ASSIGN_OR_RETURN(Piece piece, ReadPlace(Trimmed(text.substr(2, end - 2))));
        parsed.pieces_.push_back(std::move(piece));
        text.remove_prefix(end + 2);
    }
    return parsed;
}

absl::StatusOr<std::string> TemplateText::Fill(const GradedSample& sample) const {
    std::string filled;
    Json output;
    for (const Piece& piece : pieces_) {
        if (piece.root == Root::kLiteral || piece.root == Root::kOutputText) {
            filled += piece.root == Root::kLiteral ? piece.text : sample.output_text;
            continue;
        }
        if (piece.root == Root::kOutputJson && output.is_null()) {
            auto parsed = ParseJson<Json>(sample.output_text, "the sample");
            if (!parsed.ok()) return absl::InvalidArgumentError(parsed.status().message());
            output = *std::move(parsed);
        }
        const Json* value = piece.root == Root::kItem ? &sample.item : &output;
        for (const std::string& name : piece.path) {
            value = Step(*value, name);
            if (value == nullptr)
                return absl::NotFoundError(fmt::format("there is no {:.100}", piece.text));
        }
        if (piece.root == Root::kItem && value->is_null() && piece.path.empty())
            return absl::NotFoundError("there is no item");
        filled += value->is_string() ? value->get<std::string>()
                                     : value->dump(-1, ' ', false, Json::error_handler_t::replace);
    }
    return filled;
}

}  // namespace hone
