// What a job would take on this machine, measured before there is one: by a process of its own
// (`hone worker --estimate`), which loads the model, plans its memory and times a pass of it.
#pragma once

#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <utility>

#include "platform/execute/executor.h"
#include "platform/files/files.h"
#include "platform/jobs/job_request.h"
#include "platform/models/models.h"

namespace hone::platform {

struct JobPlan {
    int64_t memory_bytes = 0;     // the most that the job's process would hold
    int64_t available_bytes = 0;  // that were free, beside the process that planned
    double seconds = 0;           // of the whole run, by the pass that was timed
    double tokens_per_second = 0;
};

class Planner {
  public:
    Planner(Services& services, Files& files, Models& models, Executor& executor)
        : services_(services), files_(files), models_(models), executor_(executor) {}

    // Takes as long as the model's loading and two steps, and its memory. Needs the role member.
    // One runs at a time; while it does, another is kUnavailable. The last plans are remembered.
    // What the job would fail with, such as too little memory, is kInvalid with the code of that.
    absl::StatusOr<JobPlan> Plan(const Caller& caller, const JobRequest& request);
    // Removes what a process that was killed left there.
    void RemoveLeftovers();

  private:
    std::string Root() const { return services_.options.data_dir + "/planning"; }
    absl::StatusOr<JobPlan> Measure(const std::string& folder, const ModelPlace& place);

    Services& services_;
    Files& files_;
    Models& models_;
    Executor& executor_;
    std::mutex running_;                                 // and of what follows
    std::deque<std::pair<std::string, JobPlan>> known_;  // by what was asked for, the newest last
};

}  // namespace hone::platform
