#include "base/watch.h"

#include <utility>

namespace hone {
namespace {

thread_local const Watcher* watcher = nullptr;

}  // namespace

ScopedWatcher::ScopedWatcher(Watcher the_watcher)
    : watcher_(std::move(the_watcher)), before_(std::exchange(watcher, &watcher_)) {}

ScopedWatcher::~ScopedWatcher() { watcher = before_; }

absl::Status ReportProgress(double share, int64_t count) {
    if (watcher == nullptr || (*watcher)(share, count)) return absl::OkStatus();
    return InterruptedError("interrupted");
}

}  // namespace hone
