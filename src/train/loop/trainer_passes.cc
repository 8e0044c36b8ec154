// What a step and an evaluation put through the model.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <utility>

#include "base/files/hash.h"
#include "base/watch.h"
#include "train/loop/trainer.h"

namespace hone {
namespace {

// Dropout's seed for one micro-batch of one step: a hash of all three numbers.
uint64_t DropoutSeed(uint64_t seed, int64_t step, size_t micro_batch) {
    return StableHash(fmt::format("dropout {} {}", step, micro_batch), seed);
}

// The sums of labels that are to become likely.
ObjectiveSums OfLabels(const LossSums& sums) {
    return {.loss = sums.loss, .weight = sums.weight, .answers = sums};
}

// A pass with gradients takes about as long as so many without.
constexpr double kPassesOfGradients = 3;

}  // namespace

absl::StatusOr<bool> Trainer::Gradients(const TrainingStep& step, ObjectiveSums* sums) {
    const int64_t number = state_.step + 1;
    if (!(step.total_weight > 0))
        return TrainingError("step {}: no token of its {} rows has a label; {}", number,
                             step.documents, LastCheckpointText());
    learner_.parameters().ClearGradients();
    double done = 0, part_tokens = 0;
    const double tokens = static_cast<double>(std::max<int64_t>(1, step.tokens)) *
                          (scorer_ || step_loss_ ? ScoringPasses() + kPassesOfGradients : 1);
    const ScopedWatcher watcher([&](double share, int64_t) {
        events_.Emit(StepProgress{number, options_.total_steps,
                                  std::min(1.0, (done + share * part_tokens) / tokens)});
        return poll_.GoOn();
    });
    const Scorer::PassBegins begins = [&](int64_t pass_tokens) {
        done += std::exchange(part_tokens, static_cast<double>(pass_tokens));
        return poll_.GoOn();
    };
    auto result = step_loss_ ? StepGradients(step, begins)
                  : scorer_  ? AnswerGradients(step, begins)
                             : LabelGradients(step, begins);
    if (KindOf(result.status()) == ErrorKind::kInterrupted) return false;
    HONE_ASSIGN_OR_RETURN(*sums, std::move(result));
    return true;
}

absl::StatusOr<ObjectiveSums> Trainer::LabelGradients(const TrainingStep& step,
                                                      const Scorer::PassBegins& begins) {
    const float loss_scale = static_cast<float>(1.0 / step.total_weight);
    LossSums sums;
    for (size_t i = 0; i < step.micro_batches.size(); ++i) {
        const Batch& batch = step.micro_batches[i];
        if (!begins(batch.size())) return InterruptedError("interrupted");
        HONE_ASSIGN_OR_RETURN(
            const LossSums part,
            learner_.ForwardBackward(batch, loss_scale,
                                     DropoutSeed(options_.seed, state_.step + 1, i)));
        if (!std::isfinite(part.loss)) return BadLoss(batch, part.loss);
        sums += part;
    }
    return OfLabels(sums);
}

// Every row's answers are scored before the first gradient: the loss may mix those of several rows.
absl::StatusOr<ObjectiveSums> Trainer::AnswerGradients(const TrainingStep& step,
                                                       const Scorer::PassBegins& begins) {
    HONE_ASSIGN_OR_RETURN(const ScoredRows rows,
                          scorer_->Score(plan_.dataset(), step.rows, step.micro_batches, begins));
    const AnswerPlaces places(step.rows, options_.objective->rows());
    std::vector<double> slopes(places.size());
    const ObjectiveSums sums =
        options_.objective->Loss(options_.preference, rows, options_.batch_rows, slopes);
    const auto broken = [](double number) { return !std::isfinite(number); };
    if (broken(sums.loss) || std::any_of(slopes.begin(), slopes.end(), broken)) {
        for (const Batch& batch : step.micro_batches)
            for (size_t place : places.Of(batch))
                if (broken(rows.answers[place].logp()) || broken(slopes[place]))
                    return BadLoss(batch, sums.loss);
        return BadLoss(step.micro_batches.front(), sums.loss);
    }
    for (size_t i = 0; i < step.micro_batches.size(); ++i) {
        Batch batch = step.micro_batches[i];
        const std::vector<size_t> answers = places.Of(batch);
        for (size_t d = 0; d < answers.size(); ++d)
            for (int32_t t = batch.document_starts[d]; t < batch.document_starts[d + 1]; ++t)
                batch.target_weights[t] *= static_cast<float>(-slopes[answers[d]]);
        if (!begins(static_cast<int64_t>(kPassesOfGradients) * batch.size()))
            return InterruptedError("interrupted");
        HONE_ASSIGN_OR_RETURN(
            const LossSums part,
            learner_.ForwardBackward(batch, 1.0f, DropoutSeed(options_.seed, state_.step + 1, i)));
        if (!std::isfinite(part.loss)) return BadLoss(batch, part.loss);
    }
    return sums;
}

absl::StatusOr<ObjectiveSums> Trainer::StepGradients(const TrainingStep& step,
                                                     const Scorer::PassBegins& begins) {
    size_t bad = 0;
    const auto seed = [&](size_t i) { return DropoutSeed(options_.seed, state_.step + 1, i); };
    HONE_ASSIGN_OR_RETURN(ObjectiveSums sums,
                          step_loss_->Gradients(step.rows, step.micro_batches, seed, begins, &bad));
    if (!std::isfinite(sums.loss)) return BadLoss(step.micro_batches[bad], sums.loss);
    return sums;
}

absl::Status Trainer::TryPass(const Batch& batch, bool backward) {
    if (step_loss_) return step_loss_->Try(batch, backward);
    if (!backward) return learner_.Evaluate(batch).status();
    HONE_ASSIGN_OR_RETURN(const LossSums sums,
                          learner_.ForwardBackward(batch, 1.0f, options_.seed));
    return std::isfinite(sums.loss) ? absl::OkStatus() : learner_.CheckBaseIsFinite();
}

absl::StatusOr<ObjectiveSums> Trainer::EvaluationSums(EvaluationBatches batches,
                                                      const Scorer::PassBegins& begins) {
    if (step_loss_)
        return step_loss_->Evaluate([&](Batch* batch) { return batches.Next(batch); }, begins);
    LossSums labels;
    ScoredRows all;
    for (Batch batch; batches.Next(&batch);) {
        if (!scorer_) {
            if (!begins(batch.size())) return InterruptedError("interrupted");
            HONE_ASSIGN_OR_RETURN(const LossSums part, learner_.Evaluate(batch));
            labels += part;
            continue;
        }
        std::vector<int64_t> rows = batch.rows;
        rows.erase(std::unique(rows.begin(), rows.end()), rows.end());
        HONE_ASSIGN_OR_RETURN(const ScoredRows part, scorer_->Score(*eval_, rows, {batch}, begins));
        all.answers.insert(all.answers.end(), part.answers.begin(), part.answers.end());
        all.unrelated.insert(all.unrelated.end(), part.unrelated.begin(), part.unrelated.end());
    }
    if (!scorer_) return OfLabels(labels);
    std::vector<double> slopes(all.answers.size());
    return options_.objective->Loss(options_.preference, all, options_.batch_rows, slopes);
}

absl::StatusOr<std::optional<ObjectiveSums>> Trainer::SampleEvaluation() {
    const int64_t number = state_.step + 1, every = options_.eval_sample_steps;
    if (!eval_ || every == 0 || number % every != 0) return std::nullopt;
    const int64_t rows = SampleRows();
    const int64_t first = (number / every - 1) * rows % eval_->size();
    const ScopedWatcher watcher([&](double, int64_t) { return poll_.GoOn(); });
    HONE_ASSIGN_OR_RETURN(
        const ObjectiveSums sums,
        EvaluationSums({eval_, rows, options_.micro_batch_tokens, first, first + rows},
                       [&](int64_t) { return poll_.GoOn(); }));
    if (!(sums.weight > 0)) return std::nullopt;
    return sums;
}

absl::Status Trainer::PrepareReference() {
    if (!scorer_ || !scorer_->needs_reference() || finished()) return absl::OkStatus();
    HONE_CHECK(state_.step == 0, "the model is not what it started from any more");
    double done = 0, part_tokens = 0;
    const double tokens = std::max(1.0, scorer_->reference_passes());
    const auto show = [&](double share) {
        events_.Emit(WorkReport{.what = "scoring the rows with the model as it starts",
                                .share = std::min(1.0, share),
                                .announced = true});
    };
    const ScopedWatcher watcher([&](double share, int64_t) {
        show((done + share * part_tokens) / tokens);
        return poll_.GoOn();
    });
    return scorer_->ComputeReference([&](int64_t pass_tokens) {
        done += std::exchange(part_tokens, static_cast<double>(pass_tokens));
        show(done / tokens);
        return poll_.GoOn();
    });
}

// Before step 1 it can be computed again.
absl::Status Trainer::RestoreReference(const std::string& checkpoint) {
    if (!scorer_ || !scorer_->keeps_reference()) return absl::OkStatus();
    const std::string path = checkpoint + kReferenceFile;
    std::error_code error;
    if (state_.step == 0 && !std::filesystem::exists(path, error)) return absl::OkStatus();
    return scorer_->ReadReference(path);
}

}  // namespace hone
