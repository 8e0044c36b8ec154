// ASCII text as protocols compare it.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

namespace hone::server {

inline char LowerCase(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

inline std::string LowerCase(std::string_view text) {
    std::string lower(text);
    for (char& c : lower) c = LowerCase(c);
    return lower;
}

inline bool EqualsIgnoringCase(std::string_view a, std::string_view b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [](char x, char y) { return LowerCase(x) == LowerCase(y); });
}

inline bool StartsIgnoringCase(std::string_view text, std::string_view start) {
    return EqualsIgnoringCase(text.substr(0, start.size()), start);
}

inline bool IsDigit(char c) { return c >= '0' && c <= '9'; }

inline bool IsAlphanumeric(char c) {
    return IsDigit(c) || (LowerCase(c) >= 'a' && LowerCase(c) <= 'z');
}

// Without the spaces and tabs at both ends.
inline std::string_view StripSpaces(std::string_view text) {
    const size_t begin = std::min(text.find_first_not_of(" \t"), text.size());
    text.remove_prefix(begin);
    return text.substr(0, text.find_last_not_of(" \t") + 1);
}

}  // namespace hone::server
