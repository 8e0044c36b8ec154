// Stop strings in a stream of text: they may begin in one piece and end in another.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace hone {

class StopFilter {
  public:
    // Empty strings are ignored.
    explicit StopFilter(std::vector<std::string> stops);

    // The text that is certain to come before any stop string. What could still turn out to be the
    // beginning of one is held back. After a stop string was found everything is dropped.
    std::string Push(std::string_view text);
    // What is held back, at the end.
    std::string Finish();
    bool stopped() const { return stopped_; }

  private:
    std::vector<std::string> stops_;
    std::string held_;
    bool stopped_ = false;
};

}  // namespace hone
