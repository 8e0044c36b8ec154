// Files of /proc and /sys: their size reads as 0, so they are not mapped as others are.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace hone {

// The whole file; "" where it cannot be read.
std::string ReadProcText(const std::string& path);
// What follows `key` at the start of a line, without the blanks, tabs and colons between; nothing
// where no line begins with it.
std::optional<std::string> ProcValue(std::string_view text, std::string_view key);
// The number at the start of a text; nothing where it begins with none ("max", "-1").
std::optional<double> ProcNumber(std::string_view text);
// The number after `key`.
std::optional<double> ProcNumber(std::string_view text, std::string_view key);

}  // namespace hone
