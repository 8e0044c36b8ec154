#include "cli/terminal/layout.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "base/status.h"

namespace hone {
namespace {

struct Character {
    uint32_t code = 0xfffd;
    size_t bytes = 1;
    bool valid = false;
};

// The first character of non-empty UTF-8 text (RFC 3629: no overlong forms, no surrogates).
Character FirstCharacter(std::string_view text) {
    const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
    const uint8_t lead = byte(0);
    if (lead < 0x80) return {lead, 1, true};
    const size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    if (lead < 0xc2 || lead > 0xf4 || text.size() < length) return {};
    uint32_t code = lead & (0x7f >> length);
    for (size_t i = 1; i < length; ++i) {
        if ((byte(i) & 0xc0) != 0x80) return {};
        code = code << 6 | (byte(i) & 0x3f);
    }
    constexpr uint32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};
    if (code < kSmallest[length] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) return {};
    return {code, length, true};
}

struct Range {
    uint32_t first, last;
};

template <size_t N>
bool InRanges(uint32_t code, const Range (&ranges)[N]) {
    return std::any_of(std::begin(ranges), std::end(ranges), [&](const Range& range) {
        return code >= range.first && code <= range.last;
    });
}

// The blocks of Unicode's EastAsianWidth and combining marks that people meet, not the whole
// tables.
int CharacterWidth(uint32_t code) {
    static constexpr Range kZero[] = {
        {0x300, 0x36f},    {0x483, 0x489},   {0x591, 0x5bd},   {0x610, 0x61a},   {0x64b, 0x65f},
        {0x6d6, 0x6dc},    {0x93a, 0x93a},   {0x93c, 0x93c},   {0x941, 0x948},   {0x94d, 0x94d},
        {0xe31, 0xe31},    {0xe34, 0xe3a},   {0xe47, 0xe4e},   {0x200b, 0x200f}, {0x202a, 0x202e},
        {0x2060, 0x2064},  {0x20d0, 0x20f0}, {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f}, {0xfeff, 0xfeff},
        {0xe0100, 0xe01ef}};
    static constexpr Range kWide[] = {{0x1100, 0x115f},   {0x2e80, 0x303e},   {0x3041, 0xa4cf},
                                      {0xac00, 0xd7a3},   {0xf900, 0xfaff},   {0xfe30, 0xfe6f},
                                      {0xff00, 0xff60},   {0xffe0, 0xffe6},   {0x1f300, 0x1f64f},
                                      {0x1f680, 0x1f6ff}, {0x1f900, 0x1f9ff}, {0x1fa70, 0x1faff},
                                      {0x20000, 0x3fffd}};
    if (code < 0x20 || (code >= 0x7f && code < 0xa0)) return 0;
    if (code < 0x300) return 1;
    if (InRanges(code, kZero)) return 0;
    return InRanges(code, kWide) ? 2 : 1;
}

// The bytes of `text` that fit into `width` columns: at least one character.
size_t FittingBytes(std::string_view text, int width) {
    size_t end = 0;
    int used = 0;
    while (end < text.size()) {
        const Character character = FirstCharacter(text.substr(end));
        used += CharacterWidth(character.code);
        if (used > width && end > 0) break;
        end += character.bytes;
    }
    return end;
}

void WrapLine(std::string_view line, int width, std::vector<std::string>& lines) {
    for (;;) {
        size_t end = FittingBytes(line, width);
        if (end == line.size()) {
            lines.emplace_back(line);
            return;
        }
        // Where the text is cut at a space, the spaces there are dropped.
        size_t next = end;
        if (line[end] != ' ') {
            const size_t space = line.substr(0, end).rfind(' ');
            if (space != std::string_view::npos &&
                line.substr(0, space).find_first_not_of(' ') != std::string_view::npos) {
                end = space;
                next = space;
            }
        }
        std::string_view kept = line.substr(0, end);
        const size_t last = kept.find_last_not_of(' ');
        lines.emplace_back(last == std::string_view::npos ? "" : kept.substr(0, last + 1));
        next = std::min(line.find_first_not_of(' ', next), line.size());
        line.remove_prefix(next);
        if (line.empty()) return;
    }
}

std::string Padded(const std::string& text, int width) {
    return text + std::string(static_cast<size_t>(std::max(0, width - DisplayWidth(text))), ' ');
}

}  // namespace

Terminal DetectTerminal(int descriptor) {
    Terminal terminal;
    terminal.interactive = isatty(descriptor) == 1;
    const char* kind = std::getenv("TERM");
    const char* no_colour = std::getenv("NO_COLOR");
    const bool dumb = kind != nullptr && std::string_view(kind) == "dumb";
    terminal.colours =
        terminal.interactive && !dumb && (no_colour == nullptr || *no_colour == '\0');
    winsize size{};
    if (terminal.interactive && ioctl(descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
        terminal.width = std::clamp<int>(size.ws_col, 40, 400);
    }
    return terminal;
}

int DisplayWidth(std::string_view text) {
    int width = 0;
    while (!text.empty()) {
        const Character character = FirstCharacter(text);
        width += CharacterWidth(character.code);
        text.remove_prefix(character.bytes);
    }
    return width;
}

std::string Printable(std::string_view text) {
    std::string printable;
    while (!text.empty()) {
        const Character character = FirstCharacter(text);
        const bool control =
            character.code < 0x20 || (character.code >= 0x7f && character.code < 0xa0);
        if (!character.valid) {
            printable += "\xef\xbf\xbd";
        } else if (!control || character.code == '\n' || character.code == '\t') {
            printable += text.substr(0, character.bytes);
        }
        text.remove_prefix(character.bytes);
    }
    return printable;
}

std::vector<std::string> WrapText(std::string_view text, int width) {
    HONE_CHECK(width >= 1);
    std::string printable;
    for (char c : Printable(text)) {
        if (c == '\t') {
            printable += "    ";
        } else {
            printable += c;
        }
    }
    std::vector<std::string> lines;
    std::string_view rest = printable;
    for (;;) {
        const size_t newline = rest.find('\n');
        WrapLine(rest.substr(0, newline), width, lines);
        if (newline == std::string_view::npos) return lines;
        rest.remove_prefix(newline + 1);
    }
}

std::string SideBySide(const std::vector<TitledText>& texts, int width, bool colours) {
    constexpr std::string_view kGap = " │ ";
    const int count = static_cast<int>(texts.size());
    const int rest = width - (count - 1) * DisplayWidth(kGap);
    const int each = std::max(1, rest / count);
    std::string out;
    const auto add = [&](std::string TitledText::*part, std::string_view style) {
        const std::string_view begin = colours ? style : "",
                               end = colours && !style.empty() ? "\x1b[0m" : "";
        std::vector<std::vector<std::string>> columns;
        size_t lines = 0;
        for (const TitledText& text : texts) {
            // The last column has what the division leaves.
            const bool last = &text == &texts.back();
            columns.push_back(
                WrapText(text.*part, last ? std::max(1, rest - (count - 1) * each) : each));
            lines = std::max(lines, columns.back().size());
        }
        for (size_t i = 0; i < lines; ++i) {
            for (size_t c = 0; c < columns.size(); ++c) {
                const bool last = c + 1 == columns.size();
                std::string line = i < columns[c].size() ? columns[c][i] : "";
                if (!last) line = Padded(line, each);
                if (c > 0) out += line.empty() ? " │" : kGap;
                out += fmt::format("{}{}{}", begin, line, end);
            }
            out += '\n';
        }
    };
    add(&TitledText::title, "\x1b[1m");
    add(&TitledText::text, "");
    return out;
}

}  // namespace hone
