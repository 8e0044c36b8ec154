// One line that is rewritten in place on a terminal, and is not shown elsewhere.
#pragma once

#include <cstdio>
#include <string>
#include <string_view>

#include "cli/terminal/layout.h"
#include "model/hub/hub.h"

namespace hone {

class LiveLine {
  public:
    // `stream`: stdout or stderr.
    explicit LiveLine(std::FILE* stream);
    ~LiveLine() { Clear(); }
    LiveLine(const LiveLine&) = delete;
    LiveLine& operator=(const LiveLine&) = delete;

    bool interactive() const { return terminal_.interactive; }
    const Terminal& terminal() const { return terminal_; }
    // On a terminal: puts `text`, cut to the terminal's width, in place of what Show put there
    // before.
    void Show(std::string_view text);
    void Clear();
    // A line that stays, above the live one.
    void Say(std::string_view text);

  private:
    std::FILE* stream_;
    Terminal terminal_;
    std::string shown_;
};

// "[######    ]", `width` characters between the brackets; share is cut to [0, 1].
std::string ProgressBar(double share, int width);

// "fetching model.safetensors 2/5 [###   ] 120 MB of 269 MB, 12.3 MB/s, 12 s left".
std::string PullLine(const PullProgress& progress);

}  // namespace hone
