#include "train/loop/trainer.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/clock.h"
#include "base/watch.h"
#include "fmt/ranges.h"
#include "kernels/reduce/reduce.h"
#include "train/loop/checkpoint.h"
#include "train/output/machine.h"
#include "train/output/run_log.h"

namespace hone {
namespace {

// So many are enough to tell what a step of the optimiser takes.
constexpr int64_t kTriedParameters = int64_t{1} << 22;

// torch.nn.utils.clip_grad_norm_: 1 below the limit, else limit / (norm + 1e-6).
double ClipScale(double norm, double limit) {
    return limit > 0 ? std::min(1.0, limit / (norm + 1e-6)) : 1.0;
}

}  // namespace

Trainer::Trainer(TrainerOptions options, Metric metric, Learner& learner, StepPlan plan,
                 std::shared_ptr<const Dataset> eval, EventStream& events, Poll& poll,
                 const Context& context)
    : options_(std::move(options)),
      learner_(learner),
      plan_(std::move(plan)),
      eval_(std::move(eval)),
      events_(events),
      poll_(poll),
      context_(context),
      best_(std::move(metric), options_.early_stopping_patience, options_.early_stopping_threshold),
      optimizer_(MakeOptimizer(options_.optimizer, learner.parameters())) {
    optimizer_->Allocate();
    if (options_.embedding)
        step_loss_ = std::make_unique<Embedder>(*options_.embedding, learner_, options_.batch_rows);
    if (options_.token_loss)
        step_loss_ =
            std::make_unique<TokenScorer>(options_.token_loss, learner_, options_.batch_rows);
    if (options_.distillation)
        step_loss_ = std::make_unique<Distiller>(*options_.distillation, learner_, context_);
    if (options_.objective->direct()) return;
    const ScorerOptions scoring = {options_.batch_rows, options_.max_seq_len,
                                   options_.micro_batch_tokens};
    scorer_ = std::make_unique<Scorer>(*options_.objective, learner_, plan_.shared_dataset(), eval_,
                                       scoring);
}

absl::StatusOr<std::unique_ptr<Trainer>> Trainer::Create(TrainerOptions options, Learner& learner,
                                                         StepPlan plan,
                                                         std::shared_ptr<const Dataset> eval,
                                                         EventStream& events, Poll& poll,
                                                         const Context& context) {
    HONE_ASSIGN_OR_RETURN(Metric metric,
                          Metric::Parse(options.metric_for_best_model, options.greater_is_better));
    const char* needs_rows = options.load_best_model_at_end        ? "--load_best_model_at_end"
                             : options.early_stopping_patience > 0 ? "--early_stopping_patience"
                             : options.eval_sample_steps > 0       ? "--eval_sample_steps"
                                                                   : nullptr;
    if (!eval && needs_rows != nullptr)
        return UsageError(
            "{} needs evaluation rows, and there are none: give --eval_split or --eval_data_files",
            needs_rows);
    return std::unique_ptr<Trainer>(new Trainer(std::move(options), std::move(metric), learner,
                                                std::move(plan), std::move(eval), events, poll,
                                                context));
}

TrainingStep Trainer::TakeStep() {
    if (pending_) {
        TrainingStep step = *std::move(pending_);
        pending_.reset();
        return step;
    }
    if (!prefetcher_)
        prefetcher_ = std::make_unique<StepPrefetcher>(
            plan_, state_.next, options_.micro_batch_tokens, options_.prefetch_steps);
    return prefetcher_->Next();
}

int64_t Trainer::EvaluationsToCome() {
    if (!eval_) return 0;
    const int64_t every = options_.eval_steps > 0 ? options_.eval_steps : plan_.steps_per_epoch();
    // The last step is always followed by one.
    return (options_.total_steps - 1) / every - state_.step / every + 1 +
           (state_.step == 0 && options_.eval_on_start ? 1 : 0);
}

absl::StatusOr<double> Trainer::EstimateSeconds(int64_t tokens) {
    const int64_t steps = options_.total_steps - state_.step;
    if (steps <= 0) return 0.0;
    pending_ = TakeStep();
    const Batch batch = BatchPrefix(pending_->micro_batches.front(), tokens);
    double pass_s = 1e30, done = 0;
    const ScopedWatcher watcher([&](double share, int64_t) {
        events_.Emit(WorkReport{.what = "measuring a step", .share = done + share / 2});
        return poll_.GoOn();
    });
    for (int pass = 0; pass < 2; ++pass) {  // the first one also pays for pages that are new
        const double begin = WorkSeconds();
        done = 0.5 * pass;
        learner_.parameters().ClearGradients();
        HONE_RETURN_IF_ERROR(TryPass(batch, true));
        pass_s = std::min(pass_s, WorkSeconds() - begin);
    }
    const double size = static_cast<double>(batch.size());
    const double step_tokens = static_cast<double>(plan_.dataset().total_tokens()) /
                               static_cast<double>(plan_.steps_per_epoch());
    double seconds = static_cast<double>(steps) * (step_tokens * pass_s / size + TimeUpdate());
    const int64_t evaluations = EvaluationsToCome();
    if (evaluations > 0 || scorer_ || step_loss_) {
        const double begin = WorkSeconds();
        HONE_RETURN_IF_ERROR(TryPass(batch, false));
        double tokens = static_cast<double>(steps) * step_tokens * ScoringPasses();
        if (evaluations > 0)
            tokens += static_cast<double>(evaluations * eval_->total_tokens()) *
                      std::max(1.0, ScoringPasses());
        if (eval_ && options_.eval_sample_steps > 0)
            tokens += static_cast<double>(steps / options_.eval_sample_steps * SampleRows() *
                                          eval_->total_tokens() / eval_->size()) *
                      std::max(1.0, ScoringPasses());
        if (scorer_ && scorer_->needs_reference()) tokens += scorer_->reference_passes();
        seconds += tokens * (WorkSeconds() - begin) / size;
    }
    // A checkpoint has the weights in f32 and what the optimiser keeps; the result the former.
    const size_t weights = learner_.parameters().values().size_bytes();
    const auto saves = static_cast<size_t>(SavesToCome(seconds));
    const size_t kept = OptimizerBytes(options_.optimizer, learner_.parameters());
    return seconds + TimeSaving(options_.checkpoints, saves * (weights + kept) + weights);
}

int64_t Trainer::SavesToCome(double seconds) const {
    const int64_t every = options_.save_steps > 0 ? options_.save_steps : options_.total_steps;
    // The last step is always followed by one.
    const int64_t by_steps = (options_.total_steps - 1) / every - state_.step / every + 1;
    if (options_.save_minutes <= 0) return by_steps;
    // Each by steps puts off the next by time.
    const double by_time = std::floor(seconds / 60 / options_.save_minutes);
    const double most = static_cast<double>(options_.total_steps - state_.step);
    return std::max(by_steps, static_cast<int64_t>(std::min(by_time, most)));
}

double Trainer::TimeUpdate() {
    ParameterSet& parameters = learner_.parameters();
    double begin = NowSeconds();
    SumOfSquares(context_, parameters.count(), parameters.gradients().data());
    learner_.ParametersChanged();
    const double around_s = NowSeconds() - begin;
    // An optimiser of its own, on some of the tensors: what the run starts from must not change by
    // trying.
    ParameterSet tried;
    for (const ParameterSlice& slice : parameters.slices())
        if (tried.count() == 0 || tried.count() + slice.count <= kTriedParameters)
            tried.Add(slice.name, slice.shape, slice.weight_decay);
    tried.Allocate();
    const auto optimizer = MakeOptimizer(options_.optimizer, tried);
    optimizer->Allocate();
    double step_s = 1e30;
    for (int pass = 0; pass < 2; ++pass) {
        begin = NowSeconds();
        optimizer->Step(context_, {.number = pass + 1}, tried);
        step_s = std::min(step_s, NowSeconds() - begin);
    }
    return around_s +
           step_s * static_cast<double>(parameters.count()) / static_cast<double>(tried.count());
}

double Trainer::EpochNow() {
    const double steps = static_cast<double>(plan_.StepsInEpoch(state_.next.epoch));
    return static_cast<double>(state_.next.epoch) + static_cast<double>(state_.next.step) / steps;
}

std::string Trainer::RowsOf(const Batch& batch) const {
    constexpr size_t kShown = 5;
    std::vector<std::string> places;
    for (size_t i = 0; i < batch.rows.size() && i < kShown; ++i) {
        const RowPlace place = plan_.dataset().Place(batch.rows[i]);
        places.push_back(fmt::format("{} line {}", place.file, place.line));
    }
    const size_t more = batch.rows.size() - places.size();
    return fmt::format("{}{}", fmt::join(places, ", "),
                       more > 0 ? fmt::format(" and {} more", more) : "");
}

std::string Trainer::LastCheckpointText() const {
    const auto entries = ListCheckpoints(options_.checkpoints);
    return entries.empty() ? "no checkpoint was written yet"
                           : "the last good checkpoint is " + entries[0].folder;
}

// Why a loss is no number: the base, or what was trained, or the rows.
absl::Status Trainer::BadLoss(const Batch& batch, double loss) {
    HONE_RETURN_IF_ERROR(learner_.CheckBaseIsFinite());
    const char* what = std::isnan(loss) ? "no number (NaN)" : "infinite";
    if (state_.step == 0)
        return TrainingError(
            "step 1: the loss is {} in the rows {}, before anything was trained. Look at these "
            "rows, or train with --torch_dtype float32",
            what, RowsOf(batch));
    return TrainingError(
        "step {}: the loss is {} in the rows {}. Lower --learning_rate or --max_grad_norm, or look "
        "at these rows; {}",
        state_.step + 1, what, RowsOf(batch), LastCheckpointText());
}

absl::StatusOr<double> Trainer::CheckedNorm() const {
    ParameterSet& parameters = learner_.parameters();
    const double norm =
        std::sqrt(SumOfSquares(context_, parameters.count(), parameters.gradients().data()));
    if (std::isfinite(norm)) return norm;
    HONE_RETURN_IF_ERROR(learner_.CheckBaseIsFinite());
    std::string where = "their sum";
    for (const ParameterSlice& slice : parameters.slices())
        if (!AllFinite(context_, slice.count, parameters.gradients().data() + slice.offset)) {
            where = slice.name;
            break;
        }
    return TrainingError(
        "step {}: the gradient of {} is not finite. Lower --learning_rate, or train with "
        "--torch_dtype "
        "float32; {}",
        state_.step + 1, where, LastCheckpointText());
}

void Trainer::Update(double norm) {
    optimizer_->Step(
        context_,
        {.number = state_.step + 1,
         .learning_rate = LearningRate(options_.schedule, state_.step),
         .gradient_scale = static_cast<float>(ClipScale(norm, options_.max_grad_norm))},
        learner_.parameters());
    learner_.ParametersChanged();
}

absl::StatusOr<bool> Trainer::RunStep(const TrainingStep& step) {
    const double begin = WorkSeconds();
    ObjectiveSums sums;
    HONE_ASSIGN_OR_RETURN(bool whole, Gradients(step, &sums));
    if (!whole) return false;
    HONE_ASSIGN_OR_RETURN(double norm, CheckedNorm());
    if (norm == 0 && !said_zero_gradient_) {
        said_zero_gradient_ = true;
        const char* why =
            state_.step == 0
                ? "An adapter whose lora_A and lora_B are both zero stays so, as do weights that "
                  "the answer does not depend on: check --adapter_path and --target_modules"
                : "If the steps before it learned, the weights have grown too large: lower "
                  "--learning_rate";
        events_.Emit(RunMessage{
            MessageLevel::kWarning,
            fmt::format("step {}: every gradient is zero, so nothing was learned from its rows. {}",
                        state_.step + 1, why)});
    }
    const double sampling = WorkSeconds();
    auto sampled = SampleEvaluation();
    if (KindOf(sampled.status()) == ErrorKind::kInterrupted) return false;
    HONE_ASSIGN_OR_RETURN(const std::optional<ObjectiveSums> sample, std::move(sampled));
    const double sampling_seconds = WorkSeconds() - sampling;
    Update(norm);
    ++state_.step;
    state_.next = step.next;
    state_.tokens += step.tokens;
    state_.since_log += sums;
    state_.since_eval += sums;
    HONE_RETURN_IF_ERROR(
        AfterStep(step, sums, norm, WorkSeconds() - begin - sampling_seconds, sample));
    return true;
}

// Counts, reports and logs a step.
absl::Status Trainer::AfterStep(const TrainingStep& step, const ObjectiveSums& sums, double norm,
                                double seconds, const std::optional<ObjectiveSums>& sample) {
    ++run_steps_;
    run_tokens_ += step.tokens;
    log_tokens_ += step.tokens;
    run_seconds_ += seconds;
    log_seconds_ += seconds;
    StepReport report;
    report.step = state_.step;
    report.total_steps = options_.total_steps;
    report.epoch = EpochNow();
    report.loss = state_.since_log.MeanLoss();
    report.step_loss = sums.MeanLoss();
    report.learning_rate = LearningRate(options_.schedule, state_.step - 1);
    report.grad_norm = norm;
    report.tokens = state_.tokens;
    report.tokens_per_second = static_cast<double>(step.tokens) / std::max(1e-9, seconds);
    report.token_accuracy = sums.TokenAccuracy();
    report.metrics = options_.objective->Report(sums);
    report.memory_bytes = ResidentBytes();
    report.peak_memory_bytes = PeakResidentBytes();
    report.elapsed_s = WorkSeconds() - started_;
    report.remaining_s = run_seconds_ / static_cast<double>(run_steps_) *
                         static_cast<double>(options_.total_steps - state_.step);
    if (state_.step % options_.logging_steps == 0 || state_.step == options_.total_steps)
        report.logged = LoggedMeans{static_cast<double>(log_tokens_) / std::max(1e-9, log_seconds_),
                                    state_.since_log.TokenAccuracy(),
                                    options_.objective->Report(state_.since_log)};
    if (sample) report.eval_sample = EvalSample{sample->MeanLoss(), sample->TokenAccuracy()};
    events_.Emit(report);
    HONE_RETURN_IF_ERROR(events_.status());  // such as that of metrics.jsonl
    if (report.logged) {
        state_.history.push_back(MetricsRow(report));
        state_.train_loss = report.loss;
        state_.since_log = {};
        log_tokens_ = 0;
        log_seconds_ = 0;
    }
    return absl::OkStatus();
}

bool Trainer::EvalDue() const {
    if (!eval_ || state_.evaluated_step == state_.step) return false;
    if (state_.step == 0) return options_.eval_on_start;
    if (state_.step >= options_.total_steps) return true;
    if (options_.eval_steps > 0) return state_.step % options_.eval_steps == 0;
    return state_.next.step == 0;  // the next step begins an epoch
}

absl::StatusOr<bool> Trainer::Evaluate() {
    events_.EnterStage(RunStage::kEvaluating);
    HONE_RETURN_IF_ERROR(events_.status());
    const double begin = WorkSeconds();
    double done = 0, part_tokens = 0;
    const double tokens =
        std::max(1.0, static_cast<double>(eval_->total_tokens())) * std::max(1.0, ScoringPasses());
    const auto show = [&](double share) {
        events_.Emit(WorkReport{.what = "evaluating", .share = std::min(1.0, share)});
    };
    const ScopedWatcher watcher([&](double share, int64_t) {
        show((done + share * part_tokens) / tokens);
        return poll_.GoOn();
    });
    const EvaluationBatches all(eval_, options_.eval_batch_size, options_.micro_batch_tokens);
    auto evaluated = EvaluationSums(all, [&](int64_t pass_tokens) {
        done += std::exchange(part_tokens, static_cast<double>(pass_tokens));
        show(done / tokens);
        return poll_.GoOn();
    });
    if (KindOf(evaluated.status()) == ErrorKind::kInterrupted) return false;
    HONE_ASSIGN_OR_RETURN(const ObjectiveSums sums, std::move(evaluated));
    show(1);
    if (!(sums.weight > 0))
        return DataError(
            "no token of the evaluation rows has a label: use other rows, or --eval_split none");
    if (!std::isfinite(sums.loss)) HONE_RETURN_IF_ERROR(learner_.CheckBaseIsFinite());
    if (!std::isfinite(sums.loss))
        return TrainingError("the evaluation after step {} gives a loss of {}; {}", state_.step,
                             sums.loss, LastCheckpointText());
    HONE_RETURN_IF_ERROR(NoteEvaluation(sums, WorkSeconds() - begin));
    events_.EnterStage(RunStage::kTraining);
    HONE_RETURN_IF_ERROR(events_.status());
    return true;
}

absl::Status Trainer::NoteEvaluation(const ObjectiveSums& sums, double seconds) {
    EvalReport report;
    report.step = state_.step;
    report.epoch = EpochNow();
    report.loss = sums.MeanLoss();
    report.perplexity = sums.Perplexity();
    report.token_accuracy = sums.TokenAccuracy();
    report.tokens = sums.answers.labelled;
    report.metrics = options_.objective->Report(sums);
    report.seconds = seconds;
    report.best = best_.Add(state_.step, {report.loss, report.token_accuracy, report.perplexity});
    save_best_ = report.best && options_.load_best_model_at_end && state_.step > 0;
    saved_step_ = -1;  // what a pause or a stop saved of this step does not know the evaluation
    if (!state_.first_eval) state_.first_eval = report;
    if (report.best) state_.best_eval = report;
    state_.last_eval = report;
    state_.evaluated_step = state_.step;
    report.memory_bytes = ResidentBytes();
    events_.Emit(report);
    HONE_RETURN_IF_ERROR(events_.status());
    state_.history.push_back(MetricsRow(report));
    if (state_.since_eval.weight > 0 && overfit_.Add(state_.since_eval.MeanLoss(), report.loss))
        events_.Emit(RunMessage{
            MessageLevel::kWarning,
            fmt::format(
                "step {}: overfitting: the evaluation loss rose {} times in a row (now {:.4f}) "
                "while "
                "the training loss fell. Stop here and keep the best checkpoint "
                "(--load_best_model_at_end, --early_stopping_patience 2), train fewer epochs, add "
                "data, or lower --learning_rate or the adapter's rank",
                state_.step, OverfitDetector::kRises, report.loss)});
    state_.since_eval = {};
    return absl::OkStatus();
}

bool Trainer::SaveDue() const {
    if (saved_step_ == state_.step) return false;
    if (save_best_) return true;
    if (state_.step == 0) return false;
    return (options_.save_steps > 0 && state_.step % options_.save_steps == 0) ||
           (options_.save_minutes > 0 && options_.clock() - saved_s_ >= 60 * options_.save_minutes);
}

absl::Status Trainer::Save() {
    save_best_ = false;
    events_.Emit(WorkReport{.what = fmt::format("saving step {}", state_.step), .share = -1});
    HONE_ASSIGN_OR_RETURN(
        auto folder,
        WriteCheckpoint(options_.checkpoints, state_.step, [&](const std::string& temporary) {
            absl::Status status = learner_.Save(temporary);
            if (status.ok())
                status = WriteStates(temporary + "/optimizer.safetensors", optimizer_->States());
            if (status.ok() && scorer_ && scorer_->has_reference())
                status = scorer_->WriteReference(temporary + kReferenceFile);
            if (status.ok()) status = WriteState(temporary + "/trainer_state.json");
            return status;
        }));
    saved_step_ = state_.step;
    saved_s_ = options_.clock();
    HONE_RETURN_IF_ERROR(
        PruneCheckpoints(options_.checkpoints, options_.save_total_limit, best_.best_step()));
    events_.Emit(CheckpointSaved{state_.step, folder});
    return absl::OkStatus();
}

// A step that this process did and that is not on disk yet. In the middle of the next one, too: the
// parameters are still those after the last one.
absl::Status Trainer::SaveBeforeHold() {
    return run_steps_ > 0 && saved_step_ != state_.step ? Save() : absl::OkStatus();
}

absl::Status Trainer::Leave() {
    HONE_RETURN_IF_ERROR(poll_.save_error());
    if (poll_.cancelled())
        return InterruptedError(fmt::format("cancelled after step {} of {}; {}", state_.step,
                                            options_.total_steps, LastCheckpointText()));
    if (saved_step_ != state_.step) HONE_RETURN_IF_ERROR(Save());
    return InterruptedError(fmt::format(
        "interrupted after step {} of {}; {}/step-{} holds it, and the same command goes on "
        "from there",
        state_.step, options_.total_steps, options_.checkpoints, state_.step));
}

// What was trained so far is right: the base is in memory as it was.
absl::Status Trainer::SaveAndFail(const absl::Status& cause) {
    if (saved_step_ != state_.step) HONE_RETURN_IF_ERROR(Save());
    return MakeError(
        KindOf(cause),
        fmt::format("{}; {}/step-{} holds the run up to step {} of {}: put the file back as it "
                    "was, and the same command goes on from there",
                    std::string(cause.message()), options_.checkpoints, state_.step, state_.step,
                    options_.total_steps));
}

absl::Status Trainer::Run() {
    poll_.SaveBeforeHold([this] { return SaveBeforeHold(); });
    started_ = WorkSeconds();
    saved_s_ = options_.clock();
    if (absl::Status prepared = PrepareReference(); !prepared.ok())
        return KindOf(prepared) == ErrorKind::kInterrupted ? Leave() : prepared;
    if (!finished()) events_.Emit(StepProgress{state_.step + 1, options_.total_steps, 0});
    for (;;) {
        if (EvalDue()) {
            HONE_ASSIGN_OR_RETURN(bool whole, Evaluate());
            if (!whole) return Leave();
        }
        if (SaveDue()) HONE_RETURN_IF_ERROR(Save());
        if (state_.step >= options_.total_steps) {
            stop_reason_ = "all steps done";
            break;
        }
        if (best_.ShouldStop()) {
            stopped_early_ = true;
            stop_reason_ = fmt::format("no improvement of {} in {} evaluations",
                                       best_.metric().name(), best_.without_improvement());
            break;
        }
        if (!poll_.GoOn()) return Leave();
        if (absl::Status there = learner_.CheckBaseIsThere(); !there.ok())
            return SaveAndFail(there);
        const TrainingStep step = TakeStep();
        HONE_ASSIGN_OR_RETURN(bool whole, RunStep(step));
        if (!whole) return Leave();
    }
    return Finish();
}

absl::Status Trainer::Finish() {
    if (saved_step_ != state_.step) HONE_RETURN_IF_ERROR(Save());
    if (!options_.load_best_model_at_end || best_.best_step() == 0) return absl::OkStatus();
    if (best_.best_step() != state_.step) {
        const std::string folder =
            fmt::format("{}/step-{}", options_.checkpoints, best_.best_step());
        HONE_RETURN_IF_ERROR(VerifyCheckpoint(folder));
        HONE_RETURN_IF_ERROR(learner_.Restore(folder));
        learner_.ParametersChanged();
    }
    loaded_best_ = best_.best_step();
    return absl::OkStatus();
}

RunResult Trainer::result() const {
    RunResult result;
    result.steps = state_.step;
    result.train_loss = state_.train_loss;
    result.first_eval = state_.first_eval;
    result.last_eval = state_.last_eval;
    result.best_eval = state_.best_eval;
    result.stopped_early = stopped_early_;
    result.stop_reason = stop_reason_;
    result.best_step = loaded_best_;
    result.processes = state_.processes;
    result.processes.push_back(ThisProcess());
    double step_seconds = 0, tokens = 0;
    for (const auto& process : result.processes) {
        result.seconds += process.value("seconds", 0.0);
        step_seconds += process.value("step_seconds", 0.0);
        tokens += process.value("tokens", 0.0);
        result.peak_memory_bytes =
            std::max(result.peak_memory_bytes, process.value("peak_memory_bytes", size_t{0}));
    }
    result.tokens_per_second = step_seconds > 0 ? tokens / step_seconds : 0;
    return result;
}

}  // namespace hone
