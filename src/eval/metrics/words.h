// Texts in words, as Python's str cuts them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace hone {

// str.split(): what stands between white space of any script.
std::vector<std::string> SplitWords(std::string_view text);
// The same of characters.
std::vector<std::u32string> SplitWords(std::u32string_view text);

// str.strip()
std::string StripSpace(std::string_view text);

}  // namespace hone
