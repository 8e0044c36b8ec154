// What runs a job: a process of this machine now; a cluster's could stand behind the same words.
#pragma once

#include <memory>
#include <string>

#include "base/status.h"
#include "train/events/event.h"

namespace hone::platform {

struct WorkOrder {
    std::string
        folder;  // of the job, absolute: job.json lies there, and what the worker says beside
    int64_t memory_limit_bytes = 0;  // 0: none
    bool estimate = false;           // says what the job would take, and does not run it
};

// How a worker left.
struct WorkerEnd {
    int exit_code = 0;
    int signal = 0;          // that ended it; 0: none
    std::string last_words;  // the end of what it wrote to standard error
};

// One worker. Stop, Cancel and Kill may be called from any thread, the rest from the one that
// started it.
class Worker {
  public:
    // Ends the process, if it is still there, and waits for that.
    virtual ~Worker() = default;

    enum class Heard { kEvent, kSilence, kEnd };
    // Waits at most so long for the next event. After kEnd nothing comes any more.
    virtual Heard Next(double seconds, Event* event) = 0;
    // The time that all processors together have worked for it: as of now, and after End in all.
    virtual int64_t CpuMs() = 0;
    virtual void Stop() = 0;    // save and leave
    virtual void Cancel() = 0;  // leave
    virtual void Kill() = 0;
    // After kEnd.
    virtual WorkerEnd End() = 0;
};

class Executor {
  public:
    virtual ~Executor() = default;
    // The thread that calls this is the worker's: it lives at least as long.
    virtual absl::StatusOr<std::unique_ptr<Worker>> Start(const WorkOrder& order) = 0;
    // Ends a worker that an earlier process of the platform left at work in the folder: lets it
    // save what it did, and waits until it is gone.
    virtual void EndLeftover(const std::string& folder) = 0;
};

}  // namespace hone::platform
