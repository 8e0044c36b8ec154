// The loop: steps, evaluation, checkpoints, early stop.
//
// A step: gradients = 0; for each micro-batch ForwardBackward with loss scale 1 / (weight of the
// labels of the whole step), so that neither accumulation nor packing changes the loss; the norm of
// all gradients, clipped as torch's clip_grad_norm_; the optimiser. Where the objective compares
// answers, all of the step's are scored first, and the labels' weights are multiplied by minus
// their slopes (train/objective/objective.h). Everything that the next step depends on is in a
// checkpoint: parameters, what the optimiser keeps, the number of steps, the place in the data;
// dropout and order come from seeds and these numbers.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "data/batch/batcher.h"
#include "train/control/poll.h"
#include "train/events/event_stream.h"
#include "train/loop/distiller.h"
#include "train/loop/embedder.h"
#include "train/loop/learner.h"
#include "train/loop/monitor.h"
#include "train/loop/scorer.h"
#include "train/loop/token_scorer.h"
#include "train/objective/objective.h"
#include "train/optim/optimizer.h"
#include "train/schedule/schedule.h"

namespace hone {

struct TrainerOptions {
    int64_t total_steps = 0;
    ScheduleOptions schedule;
    OptimizerOptions optimizer;
    double max_grad_norm = 1;  // 0: no clipping
    uint64_t seed = 42;
    const Objective* objective = Objectives().front();
    ObjectiveOptions preference;
    // Rows are pairs of texts: their embeddings are trained, and `objective` has no part in it.
    std::optional<EmbeddingTraining> embedding;
    std::shared_ptr<ProgramTokenLoss> token_loss;  // the user's own, of labelled tokens
    std::optional<Distillation> distillation;      // a teacher's part in the loss of the labels
    int64_t batch_rows = 8;      // rows of a batch, for objectives that estimate something over one
    int64_t max_seq_len = 1024;  // the most tokens of a document
    int64_t micro_batch_tokens = kMicroBatchTokens;
    int64_t eval_batch_size = 8;  // rows
    int prefetch_steps = 2;
    int64_t logging_steps = 10;
    bool eval_on_start = false;
    int64_t eval_steps = 0;         // 0: at the end of each epoch
    int64_t eval_sample_steps = 0;  // 0: never
    int64_t save_steps = 500;       // 0: never by steps
    double save_minutes = 10;       // since the last checkpoint or the start; 0: never by time
    int64_t save_total_limit = 3;
    std::string metric_for_best_model = "eval_loss";
    std::optional<bool> greater_is_better;
    int64_t early_stopping_patience = 0;
    double early_stopping_threshold = 0;
    bool load_best_model_at_end = false;
    std::string checkpoints;  // the folder of step-N
    // What the result depends on: a checkpoint that was made with something else is refused,
    // difference by difference.
    nlohmann::ordered_json configuration;
    // What is to be kept of this process beside its work: "started", and "machine"
    // (DescribeMachine) with the CPU and the kernels. A checkpoint that was computed by other
    // kernels is taken up with a warning.
    nlohmann::ordered_json process = nlohmann::ordered_json::object();
    std::function<double()> clock = NowSeconds;  // for what goes by time
    double process_started_s = NowSeconds();     // on that clock
};

// Of a checkpoint: the reference's scores of all rows, where they cannot be had again.
inline constexpr char kReferenceFile[] = "/reference.safetensors";

class Trainer {
  public:
    // All references outlive the trainer. `eval` may be null. Options are checked
    // (ValidateOptions).
    static absl::StatusOr<std::unique_ptr<Trainer>> Create(TrainerOptions options, Learner& learner,
                                                           StepPlan plan,
                                                           std::shared_ptr<const Dataset> eval,
                                                           EventStream& events, Poll& poll,
                                                           const Context& context);

    // Takes up the state of a checkpoint; a usage error says what differs when it was made with
    // another configuration.
    absl::Status Restore(const std::string& checkpoint);
    // Seconds that the steps, evaluations and checkpoints to come will take, from two passes over
    // at most `tokens` of the first micro-batch and a file of some MB; without effect on the
    // training.
    absl::StatusOr<double> EstimateSeconds(int64_t tokens);
    // To the end, to an early stop, or to where `poll` wants the end: after a stop it saves and
    // returns kInterrupted, after a cancel it returns that at once. Before the run is held a step
    // that is not saved yet is. Errors during a step leave the last checkpoint as it is. Ends, too,
    // where a sink of the events cannot write what it owes.
    absl::Status Run();

    int64_t step() const { return state_.step; }
    // Nothing is left to train.
    bool finished() const { return state_.step >= options_.total_steps || best_.ShouldStop(); }
    // Checkpoints until the end, those of better evaluations aside; `seconds`: until then.
    int64_t SavesToCome(double seconds) const;
    const std::vector<nlohmann::ordered_json>& history() const { return state_.history; }
    // Steps, losses, evaluations, speed: what Run and the checkpoint behind it did. Paths and
    // memory are the caller's.
    RunResult result() const;

  private:
    // Everything that trainer_state.json holds beside the configuration.
    struct State {
        int64_t step = 0;
        DataCursor next;
        int64_t tokens = 0;
        int64_t evaluated_step = -1;
        ObjectiveSums since_log, since_eval;
        std::vector<nlohmann::ordered_json> history;  // the rows of metrics.jsonl
        std::optional<EvalReport> first_eval, last_eval, best_eval;
        double train_loss = 0;  // of the last logged row
        // The processes that did the steps before this one's: what options.process holds of them,
        // "first_step", "last_step", "seconds", "step_seconds", "tokens", "peak_memory_bytes".
        std::vector<nlohmann::ordered_json> processes;
    };
    Trainer(TrainerOptions options, Metric metric, Learner& learner, StepPlan plan,
            std::shared_ptr<const Dataset> eval, EventStream& events, Poll& poll,
            const Context& context);
    // Seconds on a clock that stands still while the run is held.
    double WorkSeconds() const { return NowSeconds() - poll_.held_seconds(); }

    TrainingStep TakeStep();
    int64_t EvaluationsToCome();
    // False: the run is to end; nothing but the gradients has changed.
    absl::StatusOr<bool> RunStep(const TrainingStep& step);
    absl::Status BadLoss(const Batch& batch, double loss);
    // gradients = of the whole step; *sums = its losses. False: the run is to end.
    absl::StatusOr<bool> Gradients(const TrainingStep& step, ObjectiveSums* sums);
    absl::StatusOr<ObjectiveSums> LabelGradients(const TrainingStep& step,
                                                 const Scorer::PassBegins& begins);
    absl::StatusOr<ObjectiveSums> AnswerGradients(const TrainingStep& step,
                                                  const Scorer::PassBegins& begins);
    absl::StatusOr<ObjectiveSums> StepGradients(const TrainingStep& step,
                                                const Scorer::PassBegins& begins);
    // One pass of a step or an evaluation, whose results do not matter.
    absl::Status TryPass(const Batch& batch, bool backward);
    absl::Status PrepareReference();
    absl::Status RestoreReference(const std::string& checkpoint);
    absl::StatusOr<double> CheckedNorm() const;
    void Update(double norm);
    absl::Status AfterStep(const TrainingStep& step, const ObjectiveSums& sums, double norm,
                           double seconds, const std::optional<ObjectiveSums>& sample);
    bool EvalDue() const;
    // False: the run is to end, and nothing of the evaluation counts.
    absl::StatusOr<bool> Evaluate();
    absl::StatusOr<ObjectiveSums> EvaluationSums(EvaluationBatches batches,
                                                 const Scorer::PassBegins& begins);
    // Of a few evaluation rows, other ones at each step that wants them; nothing where this one
    // does not, or they have no labels. Depends on the step alone.
    absl::StatusOr<std::optional<ObjectiveSums>> SampleEvaluation();
    int64_t SampleRows() const { return std::min(options_.batch_rows, options_.eval_batch_size); }
    absl::Status NoteEvaluation(const ObjectiveSums& sums, double seconds);
    bool SaveDue() const;
    absl::Status Save();
    absl::Status SaveBeforeHold();
    absl::Status Leave();
    absl::Status SaveAndFail(const absl::Status& cause);
    absl::Status Finish();
    // Passes for each token of a step, and of an evaluation, without gradients.
    double ScoringPasses() const {
        return scorer_      ? scorer_->passes_per_token()
               : step_loss_ ? step_loss_->scoring_passes()
                            : 0;
    }
    // Seconds of a step's own work beside its passes: measuring the gradients, the optimiser,
    // packing the parameters. Leaves everything as it was.
    double TimeUpdate();
    nlohmann::ordered_json ThisProcess() const;
    void WarnOfOtherKernels();
    double EpochNow();
    std::string RowsOf(const Batch& batch) const;
    std::string LastCheckpointText() const;
    absl::Status WriteState(const std::string& path) const;
    absl::Status ReadState(const nlohmann::ordered_json& json);

    TrainerOptions options_;
    Learner& learner_;
    StepPlan plan_;
    std::shared_ptr<const Dataset> eval_;
    EventStream& events_;
    Poll& poll_;
    const Context& context_;

    State state_;
    BestTracker best_;
    OverfitDetector overfit_;
    std::unique_ptr<Optimizer> optimizer_;
    std::unique_ptr<Scorer> scorer_;       // where the objective needs scores
    std::unique_ptr<StepLoss> step_loss_;  // where the loss is no objective
    std::unique_ptr<StepPrefetcher> prefetcher_;
    std::optional<TrainingStep> pending_;
    int64_t saved_step_ = -1;
    bool save_best_ = false;  // a new best that load_best_model_at_end wants on disk
    double saved_s_ = 0;      // when, or when Run began
    // Of this process alone.
    int64_t first_step_ = 0, run_steps_ = 0, run_tokens_ = 0, log_tokens_ = 0;
    double run_seconds_ = 0, log_seconds_ = 0, started_ = 0;
    std::string stop_reason_;
    bool stopped_early_ = false, said_zero_gradient_ = false;
    int64_t loaded_best_ = 0;
};

}  // namespace hone
