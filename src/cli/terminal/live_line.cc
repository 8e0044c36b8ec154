#include "cli/terminal/live_line.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>

namespace hone {

LiveLine::LiveLine(std::FILE* stream)
    : stream_(stream), terminal_(DetectTerminal(fileno(stream))) {}

void LiveLine::Show(std::string_view text) {
    if (!terminal_.interactive) return;
    // One column less: a full line would wrap on some terminals.
    const std::vector<std::string> lines = WrapText(text, std::max(1, terminal_.width - 1));
    shown_ = lines.front();
    fmt::print(stream_, "\r\x1b[K{}", shown_);
    std::fflush(stream_);
}

void LiveLine::Clear() {
    if (shown_.empty()) return;
    shown_.clear();
    fmt::print(stream_, "\r\x1b[K");
    std::fflush(stream_);
}

void LiveLine::Say(std::string_view text) {
    const std::string shown = shown_;
    Clear();
    fmt::print(stream_, "{}\n", text);
    std::fflush(stream_);
    if (!shown.empty()) Show(shown);
}

std::string ProgressBar(double share, int width) {
    const double bounded = std::isfinite(share) ? std::clamp(share, 0.0, 1.0) : 0.0;
    const int filled = static_cast<int>(bounded * width);
    return "[" + std::string(filled, '#') + std::string(width - filled, ' ') + "]";
}

std::string PullLine(const PullProgress& progress) {
    std::string line = fmt::format("fetching {}", progress.file);
    if (progress.file_count > 1)
        line += fmt::format(" {}/{}", progress.file_index + 1, progress.file_count);
    if (progress.total_bytes > 0) {
        const double share =
            static_cast<double>(progress.bytes) / static_cast<double>(progress.total_bytes);
        line += fmt::format(" {} {} of {}", ProgressBar(share, 20), FormatBytes(progress.bytes),
                            FormatBytes(progress.total_bytes));
    } else {
        line += " " + FormatBytes(progress.bytes);
    }
    if (progress.bytes_per_second > 0)
        line += fmt::format(", {:.1f} MB/s", progress.bytes_per_second / 1e6);
    if (progress.seconds_left >= 0)
        line += fmt::format(", {} left", FormatDuration(progress.seconds_left));
    return line;
}

}  // namespace hone
