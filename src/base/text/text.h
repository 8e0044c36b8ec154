// Text for people: sizes, counts and times as they are written everywhere; and what counts as
// blank.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace hone {

// "1.5 GB", "231 MB", "12 kB", "999 B" (powers of 1000).
std::string FormatBytes(uint64_t bytes);
// "134,515,008".
std::string FormatCount(int64_t count);
// "4.0 s", "59 s", "3 min 20 s", "2 h 05 min"; "?" for a negative or infinite time.
std::string FormatDuration(double seconds);

// Whether the text is empty or white space (ASCII's) alone.
inline bool IsBlank(std::string_view text) {
    return text.find_first_not_of(" \t\r\n\f\v") == std::string_view::npos;
}

// Whether the bytes are UTF-8, by the letter: no overlong forms, no surrogates.
bool IsUtf8(std::string_view text);

}  // namespace hone
