#include "platform/conduct/conductor.h"

#include <algorithm>
#include <chrono>
#include <filesystem>

#include "base/clock.h"
#include "base/log.h"
#include "platform/conduct/validation.h"
#include "platform/store/database.h"

namespace hone::platform {
namespace {

// How often each thread looks by itself, should another process have changed something.
constexpr double kLookSeconds = 5;
constexpr double kSweepSeconds = 60;

void LogFailure(std::string_view what, const absl::Status& status) {
    if (!status.ok()) spdlog::error("{}: {}", what, std::string(status.message()));
}

}  // namespace

void Alarm::Wake() {
    const std::lock_guard lock(mutex_);
    woken_ = true;
    rung_.notify_one();
}

void Alarm::End() {
    const std::lock_guard lock(mutex_);
    ended_ = true;
    rung_.notify_one();
}

bool Alarm::Wait(double seconds) {
    std::unique_lock lock(mutex_);
    rung_.wait_for(lock, std::chrono::duration<double>(seconds), [&] { return woken_ || ended_; });
    woken_ = false;
    return !ended_;
}

Conductor::Conductor(Stage stage, Uploads& uploads, Webhooks& webhooks)
    : stage_(stage), uploads_(uploads), webhooks_(webhooks) {
    listening_ =
        stage_.services.bulletin.Listen([this](const std::string&, const std::string&) { Wake(); });
    validator_ = std::thread([this] { Validate(); });
    scheduler_ = std::thread([this] { Schedule(); });
    housekeeper_ = std::thread([this] { KeepHouse(); });
}

Conductor::~Conductor() {
    for (Alarm* alarm : {&validate_, &schedule_, &house_}) alarm->End();
    for (std::thread* thread : {&validator_, &scheduler_, &housekeeper_}) thread->join();
    listening_.reset();
}

void Conductor::Wake() {
    for (Alarm* alarm : {&validate_, &schedule_, &house_}) alarm->Wake();
}

void Conductor::Validate() {
    for (bool more = false; validate_.Wait(more ? 0 : kLookSeconds);) {
        const auto jobs =
            stage_.services.database.Read([&](Sql& sql) -> absl::StatusOr<std::vector<JobRecord>> {
                return JobsIn(sql, JobStatus::kValidatingFiles, 1);
            });
        LogFailure("looking for jobs", jobs.status());
        more = jobs.ok() && !jobs->empty();
        if (!more) continue;
        const absl::Status status = ValidateJob(stage_, jobs->front());
        LogFailure(jobs->front().job.id, status);
        more = status.ok();  // else after a while
    }
}

void Conductor::Schedule() {
    double cleared_s = -kSweepSeconds;
    do {
        const bool ended = Follow();
        LogFailure("starting jobs", StartNext());
        if (ended || NowSeconds() - cleared_s >= kSweepSeconds) {
            cleared_s = NowSeconds();
            LogFailure("clearing away folders", ClearFolders());
        }
    } while (schedule_.Wait(kLookSeconds));
    for (auto& [id, run] : runs_) run->Stop(false);
    runs_.clear();
}

absl::Status Conductor::ClearFolders() {
    std::error_code error;
    for (const auto& entry :
         std::filesystem::directory_iterator(stage_.services.options.data_dir + "/jobs", error)) {
        const std::string id = entry.path().filename();
        if (runs_.count(id) > 0) continue;
        HONE_ASSIGN_OR_RETURN(const bool over,
                              stage_.services.database.Read([&](Sql& sql) -> absl::StatusOr<bool> {
                                  const auto record = FindJob(sql, id);
                                  return !record || IsTerminal(record->job.status);
                              }));
        if (!over) continue;
        stage_.executor.EndLeftover(entry.path());
        std::filesystem::remove_all(entry.path(), error);
    }
    return absl::OkStatus();
}

bool Conductor::Follow() {
    bool ended = false;
    for (auto it = runs_.begin(); it != runs_.end();) {
        JobRun& run = *it->second;
        if (run.done()) {
            not_before_.erase(it->first);
            if (run.broken()) not_before_[it->first] = NowSeconds() + kLookSeconds;
            it = runs_.erase(it);
            ended = true;
            continue;
        }
        ++it;
        const auto status =
            stage_.services.database.Read([&](Sql& sql) -> absl::StatusOr<JobStatus> {
                const auto record = FindJob(sql, run.job_id());
                return record ? record->job.status : JobStatus::kCancelled;
            });
        if (!status.ok()) continue;
        if (*status == JobStatus::kCancelled) run.Cancel();
        // Queued: it was paused, and resumed before its worker left. It has to leave first.
        if (*status == JobStatus::kPaused || *status == JobStatus::kQueued) run.Stop(true);
    }
    return ended;
}

absl::Status Conductor::StartNext() {
    const auto most = static_cast<size_t>(std::max(1, stage_.services.options.max_running_jobs));
    if (runs_.size() >= most) return absl::OkStatus();
    // Those that should be running already come first.
    for (const JobStatus status : {JobStatus::kRunning, JobStatus::kQueued}) {
        HONE_ASSIGN_OR_RETURN(
            auto jobs,
            stage_.services.database.Read([&](Sql& sql) -> absl::StatusOr<std::vector<JobRecord>> {
                return JobsIn(sql, status, static_cast<int64_t>(most + runs_.size()));
            }));
        for (JobRecord& record : jobs) {
            if (runs_.size() >= most) return absl::OkStatus();
            const auto wait = not_before_.find(record.job.id);
            if (runs_.count(record.job.id) > 0 ||
                (wait != not_before_.end() && NowSeconds() < wait->second))
                continue;
            HONE_RETURN_IF_ERROR(StartRun(std::move(record)));
        }
    }
    return absl::OkStatus();
}

absl::Status Conductor::StartRun(JobRecord record) {
    const std::string id = record.job.id;
    HONE_ASSIGN_OR_RETURN(
        const bool started, stage_.services.database.Write([&](Sql& sql) -> absl::StatusOr<bool> {
            const auto current = FindJob(sql, id);
            if (!current) return false;
            record = *current;
            if (record.job.status == JobStatus::kRunning) return true;  // it goes on
            if (record.job.status != JobStatus::kQueued) return false;
            const int64_t now = stage_.services.Now();
            record.job.status = JobStatus::kRunning;
            const bool first = record.job.started_at == 0;
            if (first) record.job.started_at = now;
            UpdateJob(sql, record);
            AddEvent(sql, record.seq, now,
                     {.message = first ? "Fine-tuning job started" : "Fine-tuning job continues"});
            return true;
        }));
    if (!started) return absl::OkStatus();
    const std::string project = record.job.project;
    runs_[id] = std::make_unique<JobRun>(stage_, std::move(record), [this] { schedule_.Wake(); });
    stage_.services.bulletin.Post(project, id);
    return absl::OkStatus();
}

void Conductor::KeepHouse() {
    LogFailure("clearing away files", stage_.files.RemoveOrphans());
    int64_t swept_at = 0;
    for (double wait = 0; house_.Wait(wait);) {
        const auto next = webhooks_.Deliver();
        LogFailure("delivering webhooks", next.status());
        const int64_t now = stage_.services.Now();
        if (now - swept_at >= static_cast<int64_t>(kSweepSeconds) || now < swept_at) {
            swept_at = now;
            LogFailure("clearing away uploads", uploads_.Sweep());
            LogFailure("clearing away files", stage_.files.Sweep());
        }
        wait = kLookSeconds;
        if (next.ok() && *next - now < static_cast<int64_t>(kLookSeconds))
            wait = std::max<double>(0.1, static_cast<double>(*next - now));
    }
}

}  // namespace hone::platform
