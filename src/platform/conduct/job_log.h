// What a job's worker says, as the events, metrics and checkpoints of the job.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "platform/jobs/job_store.h"
#include "platform/models/models.h"
#include "platform/store/services.h"
#include "train/events/event.h"

namespace hone::platform {

inline constexpr size_t kKeptCheckpoints = 3;  // beside the best one

// What of one step is known.
struct StepMetrics {
    int64_t step = 0;
    double train_loss = 0, train_accuracy = 0;
    std::optional<double> valid_loss, valid_accuracy;  // of some rows of the validation file
    std::optional<double> full_valid_loss, full_valid_accuracy;  // of all of them
    std::optional<double> learning_rate, grad_norm, tokens_per_second;
};

// The steps that a metrics.jsonl of a run holds, in their order.
absl::StatusOr<std::vector<StepMetrics>> ReadMetrics(const std::string& path);

// The result file of the API, CSV.
std::string MetricsCsv(const std::vector<StepMetrics>& steps);

// Takes the events of one worker and writes what comes of them. Not thread-safe.
class JobLog {
  public:
    // `run`: the run's output folder. Everything outlives this.
    JobLog(Services& services, Models& models, JobRecord record, std::string run);

    // Notes the event; what is written to the store is written by Flush.
    void Take(const Event& event);
    // Notes that the job's worker has used so much more of the processors.
    void AddCpu(int64_t ms) { cpu_ms_ += ms; }
    // Writes what was noted, in one transaction. Called a few times a second, and with `last` once
    // the worker has left: the processor time since its last step is written then, too, of a job
    // that is over as of any other.
    absl::Status Flush(bool last = false);
    // Notes what an earlier worker did and nobody wrote down, up to the last step.
    void CatchUp() { CatchUp(record_.job.total_steps); }

    // As of the last Flush.
    const JobRecord& record() const { return record_; }
    const CheckpointMetrics& last_metrics() const { return last_metrics_; }
    // What is saved next is kept as a checkpoint, too, not the ends of epochs alone.
    void KeepNextCheckpoint() { keep_next_ = true; }

  private:
    struct KeptCheckpoint {
        int64_t step = 0;
        std::string folder;  // of Models
        CheckpointMetrics metrics;
    };
    void TakePlan(const RunPlan& plan);
    void TakeStep(const StepReport& report);
    void TakeEvaluation(const EvalReport& report);
    void TakeCheckpoint(const CheckpointSaved& saved);
    void CatchUp(int64_t last);
    void Note(const StepMetrics& metrics);
    bool EndsEpoch(int64_t step) const {
        return record_.epoch_steps > 0 && step % record_.epoch_steps == 0;
    }
    void CloseStep();
    // Of a job that is not over.
    void WriteNoted(Sql& sql, JobRecord& record, std::vector<std::string>& removed);
    void WriteStep(Sql& sql, const StepMetrics& metrics, int64_t now);
    void WriteCheckpoint(Sql& sql, const KeptCheckpoint& checkpoint, int64_t now,
                         std::vector<std::string>& removed);

    Services& services_;
    Models& models_;
    JobRecord record_;
    const std::string run_;
    // Noted and not written, in their order.
    std::vector<std::variant<StepMetrics, KeptCheckpoint>> noted_;
    int64_t noted_step_ = 0;           // the last one that is noted or written
    std::optional<StepMetrics> open_;  // an evaluation of this step is still to come
    CheckpointMetrics last_metrics_;   // of the last step that was noted
    int64_t total_steps_ = 0;          // of the plan; 0: there was none
    int64_t trained_tokens_ = 0;
    double remaining_seconds_ = -1;  // negative: not known
    int64_t peak_memory_bytes_ = 0;  // of this worker
    int64_t cpu_ms_ = 0;             // used since the last write
    bool keep_next_ = false;
};

}  // namespace hone::platform
