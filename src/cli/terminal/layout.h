// Text on a terminal: how wide it is, wrapped, in columns; and what the terminal can do.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace hone {

// What a file descriptor is, standard output for one.
struct Terminal {
    bool interactive = false;  // a terminal, not a pipe or file
    bool colours = false;      // interactive, and neither NO_COLOR nor TERM=dumb is set
    int width = 100;           // columns
};
Terminal DetectTerminal(int descriptor = 1);

// Columns that UTF-8 text takes: 0 for combining marks, 2 for wide East Asian characters and emoji.
int DisplayWidth(std::string_view text);

// Without control characters but newline and tab: what a model or a data file says must not steer
// the terminal. Bytes that are not UTF-8 become U+FFFD.
std::string Printable(std::string_view text);

// Lines of at most `width` columns (width >= 1), broken at spaces where there are any. Newlines
// stay; Printable is applied.
std::vector<std::string> WrapText(std::string_view text, int width);

// A text under its title.
struct TitledText {
    std::string title, text;
};

// At least one text, side by side, `width` columns in all; those that are too many for that get one
// each.
std::string SideBySide(const std::vector<TitledText>& texts, int width, bool colours);

}  // namespace hone
