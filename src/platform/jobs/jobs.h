// Fine-tuning jobs: what clients do with them.
//
//   validating_files -> queued -> running -> succeeded | failed | cancelled
//                          ^         v
//                          +---- paused
//
// Every change of a job is one transaction with its events. What moves jobs on is the Conductor
// (platform/conduct).
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "platform/api/caller.h"
#include "platform/api/page.h"
#include "platform/api/records.h"
#include "platform/files/files.h"
#include "platform/jobs/job_request.h"
#include "platform/models/models.h"
#include "platform/store/services.h"

namespace hone::platform {

struct JobFilter {
    Metadata metadata;           // each pair must be there; an empty value matches an empty value
    bool null_metadata = false;  // jobs without metadata alone
};

struct JobSearch {
    std::vector<std::string> statuses;  // "running" and the like, any of them; empty: all
    // Each of its words occurs in the job's id, models, suffix or metadata ("key" or "key=value"),
    // in capitals or not.
    std::string text;
    std::string model;  // that the job began with, by its whole name; empty: any
};

// Is told the id of each job that changed or has new events, after that is stored. It is called
// from the platform's threads, returns at once, and calls nothing of the platform.
using JobListener = std::function<void(const std::string& project, const std::string& job_id)>;

class Jobs {
  public:
    // Checks the model, the files and their purposes, and the number of jobs that wait. Needs the
    // role member, as Cancel, Pause and Resume do.
    absl::StatusOr<Job> Create(const Caller& caller, const JobRequest& request);
    absl::StatusOr<Job> Get(const Caller& caller, const std::string& id);
    // Limit 0 to 100.
    absl::StatusOr<Page<Job>> List(const Caller& caller, const JobFilter& filter,
                                   const PageRequest& page);
    // Jobs of the project by what people remember of them. Reads jobs until the page is full: all
    // of them where nothing fits.
    absl::StatusOr<Page<Job>> Search(const Caller& caller, const JobSearch& search,
                                     const PageRequest& page);

    // The status is the new one when these return; a worker that has to leave does so afterwards.
    // In a status where it makes no sense: kConflict, and a message that says which.
    absl::StatusOr<Job> Cancel(const Caller& caller, const std::string& id);
    absl::StatusOr<Job> Pause(const Caller& caller, const std::string& id);   // queued or running
    absl::StatusOr<Job> Resume(const Caller& caller, const std::string& id);  // paused
    // A job that is over, with its events, its metrics and its list of checkpoints. The models that
    // it made and its files stay. Needs the role member; kConflict while it is not over.
    absl::Status Delete(const Caller& caller, const std::string& id);

    // Limits 0 to 100.
    absl::StatusOr<Page<JobEvent>> Events(const Caller& caller, const std::string& id,
                                          const PageRequest& page);
    absl::StatusOr<Page<JobCheckpoint>> Checkpoints(const Caller& caller, const std::string& id,
                                                    const PageRequest& page);

    // Until what is returned goes, which waits for a call that is in progress.
    std::shared_ptr<void> Listen(JobListener listener);

    // Who may use a checkpoint beside its own project; all three need the role admin.
    // `project_id` empty: all.
    absl::StatusOr<Page<CheckpointPermission>> Permissions(const Caller& caller,
                                                           const std::string& checkpoint_model,
                                                           const std::string& project_id,
                                                           const PageRequest& page);
    // The permissions of these projects, those that were there already included.
    absl::StatusOr<std::vector<CheckpointPermission>> Permit(
        const Caller& caller, const std::string& checkpoint_model,
        const std::vector<std::string>& project_ids);
    absl::Status Forbid(const Caller& caller, const std::string& checkpoint_model,
                        const std::string& permission_id);

    Jobs(Services& services, Files& files, Models& models)
        : services_(services), files_(files), models_(models) {}

  private:
    Services& services_;
    Files& files_;
    Models& models_;
};

}  // namespace hone::platform
