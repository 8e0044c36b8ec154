// Values that are written as text: on a command line or in a configuration file.
#pragma once

#include <charconv>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fmt/format.h"

namespace hone {

// The number in `text`, into `target`; returns what is wrong with the text, or "". Of a number that
// is too large, or of "4x", nothing is taken.
template <typename T>
std::string ReadInteger(const std::string& text, T& target) {
    T value{};
    const char* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, value);
    if (error == std::errc::result_out_of_range) return fmt::format("{} is out of range", text);
    if (error != std::errc() || stop != end)
        return fmt::format("\"{}\" is not a whole number", text);
    target = value;
    return "";
}
// The same for any finite number.
std::string ReadNumber(const std::string& text, double& target);

// "yes", "0", "True", ...; std::nullopt when the text is no truth value.
std::optional<bool> ReadBool(std::string_view text);

// The entries of "A, B,C" without the spaces around them; empty ones are dropped.
std::vector<std::string> SplitList(const std::string& text);

}  // namespace hone
