#include "cli/terminal/live_line.h"

#include <fmt/format.h>
#include <stdio_ext.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/text/text.h"

namespace hone {

LiveLine::LiveLine(std::FILE* stream, std::function<double()> clock)
    : stream_(stream),
      clock_(std::move(clock)),
      terminal_(DetectTerminal(fileno(stream))),
      said_s_(clock_()) {}

void LiveLine::Write(std::string_view text) {
    const bool written = std::fwrite(text.data(), 1, text.size(), stream_) == text.size() &&
                         std::fflush(stream_) == 0;
    if (written) return;
    __fpurge(stream_);  // or the next write would begin with it
    std::clearerr(stream_);
}

void LiveLine::Show(std::string_view text) {
    if (!terminal_.interactive) {
        if (Due()) Say(text);
        return;
    }
    // One column less: a full line would wrap on some terminals.
    const std::vector<std::string> lines = WrapText(text, std::max(1, terminal_.width - 1));
    shown_ = lines.front();
    shown_s_ = clock_();
    Write(fmt::format("\r\x1b[K{}", shown_));
}

bool LiveLine::Due() const {
    constexpr double kFreshSeconds = 0.1;
    return terminal_.interactive ? clock_() - shown_s_ >= kFreshSeconds
                                 : clock_() - said_s_ >= kSilenceSeconds;
}

void LiveLine::Clear() {
    if (shown_.empty()) return;
    shown_.clear();
    Write("\r\x1b[K");
}

void LiveLine::Say(std::string_view text) {
    const std::string shown = shown_;
    Clear();
    Write(fmt::format("{}\n", text));
    said_s_ = clock_();
    if (!shown.empty()) Show(shown);
}

std::string ProgressBar(double share, int width) {
    const double bounded = std::isfinite(share) ? std::clamp(share, 0.0, 1.0) : 0.0;
    const int filled = static_cast<int>(bounded * width);
    std::string bar(static_cast<size_t>(filled), '#');
    bar.append(static_cast<size_t>(width - filled), ' ');
    return fmt::format("[{}]", bar);
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
