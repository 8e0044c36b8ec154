#include "base/text/text_value.h"

#include <cmath>

#include "absl/strings/ascii.h"

namespace hone {

std::string ReadNumber(const std::string& text, double& target) {
    double value = 0;
    const char* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, value);
    if (error == std::errc::result_out_of_range) return fmt::format("{} is out of range", text);
    if (error != std::errc() || stop != end || !std::isfinite(value))
        return fmt::format("\"{}\" is not a number", text);
    target = value;
    return "";
}

std::optional<bool> ReadBool(std::string_view text) {
    const std::string lower = absl::AsciiStrToLower(std::string(text));
    if (lower == "true" || lower == "1" || lower == "yes" || lower == "on") return true;
    if (lower == "false" || lower == "0" || lower == "no" || lower == "off") return false;
    return std::nullopt;
}

std::vector<std::string> SplitList(const std::string& text) {
    std::vector<std::string> entries;
    for (size_t begin = 0; begin <= text.size();) {
        const size_t end = std::min(text.find(',', begin), text.size());
        const size_t first = text.find_first_not_of(" \t", begin);
        if (first < end) {
            const size_t last = text.find_last_not_of(" \t", end - 1);
            entries.push_back(text.substr(first, last - first + 1));
        }
        begin = end + 1;
    }
    return entries;
}

}  // namespace hone
