// Jobs as child processes: `hone worker` (docs/events.md).
#pragma once

#include "platform/execute/executor.h"

namespace hone::platform {

// A worker has no access to the network (a filter of system calls, where the kernel takes it), gets
// no variable of the environment but a few harmless ones, and saves and leaves when its parent
// dies. What it writes to standard error lies in FOLDER/worker.log, its process id in
// FOLDER/worker.pid.
class LocalExecutor : public Executor {
  public:
    // `program`: of hone; empty: this process's own.
    explicit LocalExecutor(std::string program);
    absl::StatusOr<std::unique_ptr<Worker>> Start(const WorkOrder& order) override;
    void EndLeftover(const std::string& folder) override;

  private:
    std::string program_;
};

}  // namespace hone::platform
