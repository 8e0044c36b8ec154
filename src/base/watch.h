// Work that takes long says how far it is, and is asked whether it is to go on.
#pragma once

#include <cstdint>
#include <functional>

#include "base/status.h"

namespace hone {

// Is told which share of the work is done (0 to 1; negative where the whole is not known) and how
// many of its units, where it counts them; returns false where the work is to end.
using Watcher = std::function<bool(double share, int64_t count)>;

// Who watches the work that this thread does or asks for, until the end of the scope. The inner one
// of two is told.
class ScopedWatcher {
  public:
    explicit ScopedWatcher(Watcher watcher);
    ~ScopedWatcher();
    ScopedWatcher(const ScopedWatcher&) = delete;
    ScopedWatcher& operator=(const ScopedWatcher&) = delete;

  private:
    Watcher watcher_;
    const Watcher* before_;
};

// Said between two parts of the work, as the layers of a pass are. An error of kind kInterrupted
// where the watcher wants the end; where nobody watches OK.
absl::Status ReportProgress(double share, int64_t count = 0);

}  // namespace hone
