// Moves jobs on: validates files, runs what is queued, tells workers of pauses and cancellations,
// takes up again what an earlier process left running. Beside that it delivers webhooks and clears
// away what expired.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "platform/conduct/job_run.h"
#include "platform/files/uploads.h"
#include "platform/notify/webhooks.h"

namespace hone::platform {

// Sleeps until it is woken, a time has passed, or the end has come.
class Alarm {
  public:
    void Wake();
    void End();
    // False: the end has come.
    bool Wait(double seconds);

  private:
    std::mutex mutex_;
    std::condition_variable rung_;
    bool woken_ = false;
    bool ended_ = false;
};

class Conductor {
  public:
    // Starts its threads. All references outlive it.
    Conductor(Stage stage, Uploads& uploads, Webhooks& webhooks);
    // Every worker saves and leaves; their jobs stay running.
    ~Conductor();
    Conductor(const Conductor&) = delete;
    Conductor& operator=(const Conductor&) = delete;

  private:
    void Validate();
    void Schedule();
    void KeepHouse();
    void Wake();
    // Drops the runs that are done, tells the others what their jobs' statuses mean. Whether one
    // was done.
    bool Follow();
    // Removes the folders of jobs that are over.
    absl::Status ClearFolders();
    absl::Status StartNext();
    absl::Status StartRun(JobRecord record);

    Stage stage_;
    Uploads& uploads_;
    Webhooks& webhooks_;
    Alarm validate_, schedule_, house_;
    std::map<std::string, std::unique_ptr<JobRun>> runs_;  // of the scheduling thread alone
    std::map<std::string, double> not_before_;  // NowSeconds(), of jobs whose run was broken
    std::shared_ptr<void> listening_;
    std::thread validator_, scheduler_, housekeeper_;
};

}  // namespace hone::platform
