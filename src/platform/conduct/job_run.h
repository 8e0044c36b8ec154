// One job at work: its worker from the start to the end, with what comes of it.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "platform/conduct/job_log.h"
#include "platform/execute/executor.h"
#include "platform/files/files.h"
#include "platform/models/models.h"
#include "platform/store/services.h"

namespace hone::platform {

// What the parts that move jobs on work with.
struct Stage {
    Services& services;
    Files& files;
    Blobs& blobs;
    Models& models;
    Executor& executor;

    std::string JobFolder(const std::string& job_id) const {
        return fmt::format("{}/jobs/{}", services.options.data_dir, job_id);
    }
};

// Has a thread of its own from the start until done() or the destructor.
// That each job gets.
int WorkerThreads(const PlatformOptions& options);

class JobRun {
  public:
    // The job is in the status running. `on_done` is called from that thread at its end.
    JobRun(Stage stage, JobRecord record, std::function<void()> on_done);
    // Waits for the worker, which has to have been told to leave.
    ~JobRun();
    JobRun(const JobRun&) = delete;
    JobRun& operator=(const JobRun&) = delete;

    const std::string& job_id() const { return job_id_; }
    bool done() const { return done_; }
    // Once it is done: whether it could not go on for a reason that is not the job's own, such as a
    // full disk.
    bool broken() const { return broken_; }
    // The worker is to save and leave: the job was paused, or the platform stops. `keep`: what it
    // saves is a checkpoint that clients see.
    void Stop(bool keep);
    void Cancel();

  private:
    // How a worker's work ended.
    struct Outcome {
        enum class Kind { kFinished, kLeft, kFailed, kCrashed } kind = Kind::kLeft;
        JobError error;  // kFailed and kCrashed
        RunResult result;
    };
    void Run();
    absl::Status Prepare();
    // `to` = the content of the file, by a link, unless it is there.
    absl::Status LinkFile(const Job& job, const std::string& file_id, const std::string& to);
    // Whether the worker was told to leave.
    bool Ordered();
    Outcome RunWorker();
    Outcome Listen(Worker& worker);
    Outcome OutcomeOf(const Event* last, const WorkerEnd& end, bool hung) const;
    absl::Status Finish(const RunResult& result);
    absl::Status WriteSuccess(Sql& sql, const std::string& folder, const StoredBlob& csv,
                              const RunResult& result);
    absl::Status Fail(const JobError& error);
    // Whether the job gets another try, which is then noted.
    absl::StatusOr<bool> TryAgain(const JobError& error);
    // A worker's message without the paths of this machine.
    std::string ForClients(std::string message) const;

    Stage stage_;
    const std::string job_id_;
    const std::string folder_;
    JobLog log_;
    std::string base_path_;
    const std::function<void()> on_done_;
    std::atomic<bool> done_{false}, broken_{false};
    std::mutex mutex_;
    Worker* worker_ = nullptr;  // while there is one
    enum class Order { kGo, kStop, kCancel } order_ = Order::kGo;
    std::atomic<bool> keep_{false};
    std::thread thread_;
};

}  // namespace hone::platform
