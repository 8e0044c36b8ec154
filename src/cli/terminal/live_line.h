// One line that is rewritten in place on a terminal, and seldom shown elsewhere.
#pragma once

#include <cstdio>
#include <functional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "cli/terminal/layout.h"
#include "hub/hub.h"

namespace hone {

// Where there is no terminal, so long without a line is silence.
inline constexpr double kSilenceSeconds = 30;

// What it cannot write (the reader went away, the disk is full) is dropped: no reason to end the
// work that the line is about.
class LiveLine {
  public:
    // `stream`: stdout or stderr. `clock`: seconds, for tests.
    explicit LiveLine(std::FILE* stream, std::function<double()> clock = NowSeconds);
    ~LiveLine() { Clear(); }
    LiveLine(const LiveLine&) = delete;
    LiveLine& operator=(const LiveLine&) = delete;

    bool interactive() const { return terminal_.interactive; }
    const Terminal& terminal() const { return terminal_; }
    // On a terminal: puts `text`, cut to the terminal's width, in place of what Show put there
    // before. Elsewhere: Say, where nothing was said for kSilenceSeconds.
    void Show(std::string_view text);
    // Whether Show would be read: not where the last text is too fresh on a terminal, nor
    // elsewhere before the time has come.
    bool Due() const;
    void Clear();
    // A line that stays, above the live one.
    void Say(std::string_view text);

  private:
    void Write(std::string_view text);
    std::FILE* stream_;
    std::function<double()> clock_;
    Terminal terminal_;
    std::string shown_;
    double said_s_, shown_s_ = -1;  // when
};

// "[######    ]", `width` characters between the brackets; share is cut to [0, 1].
std::string ProgressBar(double share, int width);

// "fetching model.safetensors 2/5 [###   ] 120 MB of 269 MB, 12.3 MB/s, 12 s left".
std::string PullLine(const PullProgress& progress);

}  // namespace hone
