// Long work reports how far it is, and learns whether it should go on.
#pragma once

#include <cstdint>
#include <functional>

#include "base/status.h"

namespace hone {

// Called with the share of the work that is done (0 to 1; negative where the whole is not known)
// and, where the work counts units, with their number. Returns false to end the work.
using Watcher = std::function<bool(double share, int64_t count)>;

// Sets the watcher of the work that this thread does or starts, until the end of the scope. Of two
// nested ones, the inner one is called.
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

// To be called between two parts of the work, such as the layers of a pass. An error of kind
// kInterrupted if the watcher ends the work. OK if there is no watcher.
absl::Status ReportProgress(double share, int64_t count = 0);

}  // namespace hone
