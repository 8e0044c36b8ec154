#include "platform/conduct/job_run.h"

#include <filesystem>

#include "absl/strings/str_replace.h"
#include "base/clock.h"
#include "base/files/file.h"
#include "base/log.h"
#include "platform/api/refusal.h"
#include "platform/conduct/model_name.h"
#include "platform/conduct/recipe.h"
#include "platform/notify/webhooks.h"
#include "platform/store/database.h"
#include "train/job.h"

namespace hone::platform {
namespace {

constexpr double kFlushSeconds = 0.2;
constexpr double kOrderedSeconds = 60;  // that a worker has to save and leave
constexpr int64_t kRetries = 1;         // after a crash
constexpr char kResultName[] = "step_metrics.csv";
constexpr char kResultPurpose[] = "fine-tune-results";

// `to` = the same content as `from`, by a link.
absl::Status Link(const std::string& from, const std::string& to) {
    std::error_code error;
    if (std::filesystem::exists(to, error)) return absl::OkStatus();
    std::filesystem::create_hard_link(from, to, error);
    if (error) return OtherError("cannot link {} to {}: {}", from, to, error.message());
    return absl::OkStatus();
}

}  // namespace

int WorkerThreads(const PlatformOptions& options) {
    if (options.worker_threads > 0) return options.worker_threads;
    const int cpus = static_cast<int>(std::thread::hardware_concurrency());
    return std::max(1, cpus / std::max(1, options.max_running_jobs));
}

JobRun::JobRun(Stage stage, JobRecord record, std::function<void()> on_done)
    : stage_(stage),
      job_id_(record.job.id),
      folder_(stage.JobFolder(record.job.id)),
      log_(stage.services, stage.models, record, folder_ + "/run"),
      on_done_(std::move(on_done)),
      thread_([this] {
          Run();
          done_ = true;
          on_done_();
      }) {}

JobRun::~JobRun() { thread_.join(); }

void JobRun::Stop(bool keep) {
    if (keep) keep_ = true;
    const std::lock_guard lock(mutex_);
    if (order_ != Order::kGo) return;
    order_ = Order::kStop;
    if (worker_ != nullptr) worker_->Stop();
}

void JobRun::Cancel() {
    const std::lock_guard lock(mutex_);
    if (order_ == Order::kCancel) return;
    order_ = Order::kCancel;
    if (worker_ != nullptr) worker_->Cancel();
}

void JobRun::Run() {
    stage_.executor.EndLeftover(folder_);
    absl::Status status = Prepare();
    if (!status.ok()) {
        spdlog::error("{}: {}", job_id_, std::string(status.message()));
        status = Fail({"invalid_job", ForClients(std::string(status.message())), ""});
    }
    while (status.ok()) {
        const Outcome outcome = RunWorker();
        // A worker that was told to leave may do so in any way: its job goes on from a checkpoint.
        if (outcome.kind == Outcome::Kind::kLeft ||
            (outcome.kind == Outcome::Kind::kCrashed && Ordered()))
            break;
        if (outcome.kind == Outcome::Kind::kFinished) {
            status = Finish(outcome.result);
            break;
        }
        if (outcome.kind == Outcome::Kind::kCrashed) {
            const auto again = TryAgain(outcome.error);
            status = again.status();
            if (!again.ok() || *again) continue;
        }
        status = Fail(outcome.error);
        break;
    }
    broken_ = !status.ok();
    if (!status.ok()) spdlog::error("{}: {}", job_id_, std::string(status.message()));
}

bool JobRun::Ordered() {
    const std::lock_guard lock(mutex_);
    return order_ != Order::kGo;
}

absl::Status JobRun::Prepare() {
    const Job& job = log_.record().job;
    HONE_RETURN_IF_ERROR(MakeDirectories(folder_));
    HONE_ASSIGN_OR_RETURN(const ModelPlace place,
                          stage_.models.Resolve(Operator(job.project), job.model));
    base_path_ = place.base_path;
    RunPlaces places;
    places.base_path = place.base_path;
    places.output = folder_ + "/run";
    places.threads = WorkerThreads(stage_.services.options);
    if (!place.adapter_path.empty()) {
        places.adapter_path = folder_ + "/start";
        HONE_RETURN_IF_ERROR(MakeDirectories(places.adapter_path));
        for (const char* name : {"/adapter_config.json", "/adapter_model.safetensors"})
            HONE_RETURN_IF_ERROR(Link(place.adapter_path + name, places.adapter_path + name));
    }
    places.training_file = folder_ + "/training.jsonl";
    HONE_RETURN_IF_ERROR(LinkFile(job, job.training_file, places.training_file));
    if (!job.validation_file.empty()) {
        places.validation_file = folder_ + "/validation.jsonl";
        HONE_RETURN_IF_ERROR(LinkFile(job, job.validation_file, places.validation_file));
    }
    HONE_ASSIGN_OR_RETURN(const BaseFacts facts, ReadBaseFacts(place.base_path));
    return WriteFileAtomic(folder_ + "/job.json",
                           JobText(MakeOptions(job, log_.record().epoch_steps, facts, places)));
}

absl::Status JobRun::LinkFile(const Job& job, const std::string& file_id, const std::string& to) {
    std::error_code error;
    if (std::filesystem::exists(to, error)) return absl::OkStatus();  // the file may have expired
    HONE_ASSIGN_OR_RETURN(const std::string path, stage_.files.PathOf(job.project, file_id));
    return Link(path, to);
}

JobRun::Outcome JobRun::RunWorker() {
    auto worker = stage_.executor.Start({folder_, stage_.services.options.memory_limit_bytes});
    if (!worker.ok())
        return {
            Outcome::Kind::kCrashed, {"worker_failed", "The worker could not be started.", ""}, {}};
    {
        const std::lock_guard lock(mutex_);
        worker_ = worker->get();
        if (order_ == Order::kStop) worker_->Stop();
        if (order_ == Order::kCancel) worker_->Cancel();
    }
    Outcome outcome = Listen(**worker);
    const std::lock_guard lock(mutex_);
    worker_ = nullptr;
    return outcome;
}

JobRun::Outcome JobRun::Listen(Worker& worker) {
    Event event;
    std::optional<Event> last;
    double heard_s = NowSeconds(), flushed_s = 0, ordered_s = -1;
    int64_t cpu_ms = 0;  // that the log knows of
    for (bool hung = false;;) {
        const Worker::Heard heard = worker.Next(kFlushSeconds, &event);
        const double now_s = NowSeconds();
        if (heard == Worker::Heard::kEvent) {
            heard_s = now_s;
            if (keep_.exchange(false)) log_.KeepNextCheckpoint();
            log_.Take(event);
            if (EndsRun(event.body)) last = event;
        }
        const bool over = heard == Worker::Heard::kEnd;
        std::optional<WorkerEnd> end;
        if (over) end = worker.End();
        if (over || now_s - flushed_s >= kFlushSeconds) {
            const int64_t used_ms = worker.CpuMs();
            log_.AddCpu(used_ms - cpu_ms);
            cpu_ms = used_ms;
            if (const absl::Status status = log_.Flush(over); !status.ok())
                spdlog::error("{}: {}", job_id_, std::string(status.message()));
            flushed_s = now_s;
        }
        if (over) return OutcomeOf(last ? &*last : nullptr, *end, hung);
        if (ordered_s < 0 && Ordered()) ordered_s = now_s;
        const bool late = ordered_s >= 0 && now_s - ordered_s > kOrderedSeconds;
        if (!hung && (late || now_s - heard_s > stage_.services.options.heartbeat_seconds)) {
            hung = true;
            worker.Kill();
        }
    }
}

JobRun::Outcome JobRun::OutcomeOf(const Event* last, const WorkerEnd& end, bool hung) const {
    Outcome outcome;
    if (last != nullptr) {
        if (const auto* finished = std::get_if<RunFinished>(&last->body)) {
            outcome.kind = Outcome::Kind::kFinished;
            outcome.result = finished->result;
            return outcome;
        }
        if (const auto* failed = std::get_if<RunFailed>(&last->body)) {
            const bool memory = failed->code == "out_of_memory";
            outcome.kind = memory ? Outcome::Kind::kCrashed : Outcome::Kind::kFailed;
            outcome.error = {failed->code, ForClients(failed->message), ""};
            if (failed->code == "invalid_data")
                outcome.error = {"invalid_training_file", outcome.error.message, "training_file"};
            return outcome;
        }
        return outcome;  // it left because it was told to
    }
    outcome.kind = Outcome::Kind::kCrashed;
    const std::string how =
        hung
            ? fmt::format("it said nothing for {:.0f} s", stage_.services.options.heartbeat_seconds)
        : end.signal != 0 ? fmt::format("signal {} ended it", end.signal)
                          : fmt::format("it left with exit code {}", end.exit_code);
    spdlog::error("{}: the worker failed: {}; its last words: {}", job_id_, how, end.last_words);
    outcome.error = {"worker_failed", fmt::format("The worker failed: {}.", how), ""};
    return outcome;
}

std::string JobRun::ForClients(std::string message) const {
    message = absl::StrReplaceAll(message, {{folder_ + "/", ""}});
    if (!base_path_.empty())
        message = absl::StrReplaceAll(message, {{base_path_, log_.record().base}});
    return absl::StrReplaceAll(message, {{stage_.services.options.data_dir, ""}});
}

absl::StatusOr<bool> JobRun::TryAgain(const JobError& error) {
    return stage_.services.database.Write([&](Sql& sql) -> absl::StatusOr<bool> {
        auto record = FindJob(sql, job_id_);
        if (!record || record->job.status != JobStatus::kRunning) return false;
        if (record->crashes >= kRetries) return false;
        ++record->crashes;
        UpdateJob(sql, *record);
        AddEvent(sql, record->seq, stage_.services.Now(),
                 {.level = "warn",
                  .message =
                      fmt::format("{} The job goes on from its last checkpoint.", error.message)});
        return true;
    });
}

absl::Status JobRun::Fail(const JobError& error) {
    HONE_RETURN_IF_ERROR(stage_.services.database.Write([&](Sql& sql) -> absl::Status {
        auto record = FindJob(sql, job_id_);
        if (!record || record->job.status != JobStatus::kRunning) return absl::OkStatus();
        FailJob(sql, *record, stage_.services.Now(), error);
        return absl::OkStatus();
    }));
    stage_.services.bulletin.Post(log_.record().job.project, job_id_);
    return absl::OkStatus();
}

absl::Status JobRun::Finish(const RunResult& result) {
    log_.CatchUp();
    HONE_RETURN_IF_ERROR(log_.Flush());
    HONE_ASSIGN_OR_RETURN(const auto metrics, ReadMetrics(folder_ + "/run/metrics.jsonl"));
    HONE_ASSIGN_OR_RETURN(const std::string folder, stage_.models.Keep(result.artifact_path));
    HONE_ASSIGN_OR_RETURN(const auto csv, stage_.blobs.Create());
    HONE_RETURN_IF_ERROR(csv->Append(MetricsCsv(metrics)));
    const absl::Status status = stage_.blobs.Publish(*csv, [&](const StoredBlob& blob) {
        return stage_.services.database.Write(
            [&](Sql& sql) { return WriteSuccess(sql, folder, blob, result); });
    });
    if (!status.ok()) {
        stage_.models.RemoveFolder(folder);
        return status;
    }
    stage_.services.bulletin.Post(log_.record().job.project, job_id_);
    return absl::OkStatus();
}

absl::Status JobRun::WriteSuccess(Sql& sql, const std::string& folder, const StoredBlob& csv,
                                  const RunResult& result) {
    auto record = FindJob(sql, job_id_);
    // Somebody cancelled or paused it at the last moment: what came of it does not count.
    if (!record || record->job.status != JobStatus::kRunning)
        return OtherError("{} was finished while it was cancelled or paused", job_id_);
    Job& job = record->job;
    const int64_t now = stage_.services.Now();
    const Caller caller = {job.project, Role::kMember, "worker"};
    job.fine_tuned_model = NewModelName(*record, stage_.services.options.organization);
    stage_.models.Insert(sql, {job.fine_tuned_model, job.project, record->base, job.id, folder});
    AddCheckpoint(sql, record->seq, now, job.fine_tuned_model, result.steps, log_.last_metrics());
    AddEvent(sql, record->seq, now,
             {.message = fmt::format("New fine-tuned model created: {}", job.fine_tuned_model)});
    const auto file = stage_.files.Insert(sql, caller, {kResultName, kResultPurpose}, csv, {});
    if (file.ok())
        job.result_files = {file->id};
    else
        AddEvent(sql, record->seq, now,
                 {.level = "warn",
                  .message = fmt::format("The result file could not be stored: {}",
                                         std::string(file.status().message()))});
    job.status = JobStatus::kSucceeded;
    job.finished_at = now;
    job.step = result.steps;
    UpdateJob(sql, *record);
    NoteWords(sql, record->seq);
    AddEvent(sql, record->seq, now, {.message = "The job has successfully completed"});
    NoteJobEnd(sql, job, now);
    return absl::OkStatus();
}

}  // namespace hone::platform
