#include "base/text/text.h"

#include <algorithm>
#include <cmath>

#include "fmt/format.h"

namespace hone {

std::string FormatBytes(uint64_t bytes) {
    const double value = static_cast<double>(bytes);
    if (value >= 999.5e6) return fmt::format("{:.1f} GB", value / 1e9);
    if (value >= 999.5e3) return fmt::format("{:.0f} MB", value / 1e6);
    if (value >= 1e3) return fmt::format("{:.0f} kB", value / 1e3);
    return fmt::format("{} B", bytes);
}

std::string FormatCount(int64_t count) {
    const std::string digits = std::to_string(count);
    const size_t first = count < 0 ? 1 : 0;
    std::string text;
    for (size_t i = 0; i < digits.size(); ++i) {
        if (i > first && (digits.size() - i) % 3 == 0) text += ',';
        text += digits[i];
    }
    return text;
}

std::string FormatDuration(double seconds) {
    if (!std::isfinite(seconds) || seconds < 0) return "?";
    if (seconds < 10) return fmt::format("{:.1f} s", seconds);
    const int64_t whole = std::llround(std::min(seconds, 1e15));
    if (whole < 60) return fmt::format("{} s", whole);
    if (whole < 3600) return fmt::format("{} min {:02} s", whole / 60, whole % 60);
    return fmt::format("{} h {:02} min", whole / 3600, whole % 3600 / 60);
}

bool IsUtf8(std::string_view text) {
    for (size_t i = 0; i < text.size();) {
        auto byte = [&](size_t at) { return static_cast<unsigned char>(text[at]); };
        size_t length = byte(i) < 0x80   ? 1
                        : byte(i) < 0xc2 ? 0
                        : byte(i) < 0xe0 ? 2
                        : byte(i) < 0xf0 ? 3
                        : byte(i) < 0xf5 ? 4
                                         : 0;
        if (length == 0 || i + length > text.size()) return false;
        for (size_t k = 1; k < length; ++k)
            if ((byte(i + k) & 0xc0) != 0x80) return false;
        if ((byte(i) == 0xe0 && byte(i + 1) < 0xa0) || (byte(i) == 0xed && byte(i + 1) > 0x9f) ||
            (byte(i) == 0xf0 && byte(i + 1) < 0x90) || (byte(i) == 0xf4 && byte(i + 1) > 0x8f))
            return false;
        i += length;
    }
    return true;
}

}  // namespace hone
