#include "train/loop/distiller.h"

#include <algorithm>
#include <cmath>

namespace hone {

Distiller::Distiller(Distillation distillation, Learner& learner, const Context& context)
    : distillation_(std::move(distillation)),
      learner_(learner),
      context_(context),
      logits_(Bytes(*distillation_.teacher)) {}

size_t Distiller::Bytes(const Model& teacher) {
    return static_cast<size_t>(kMostLogitRows * teacher.config().outputs()) * sizeof(float);
}

absl::StatusOr<DistilledSums> Distiller::Taught(const Batch& batch, int64_t tokens,
                                                const Scorer::PassBegins& begins,
                                                const Pass& pass) {
    // The pass with the teacher's states at hand is the longer one, but for an evaluation.
    const int64_t teacher_tokens = std::max<int64_t>(1, tokens / 3);
    if (!begins(teacher_tokens)) return InterruptedError("interrupted");
    DistilledSums sums;
    HONE_RETURN_IF_ERROR(distillation_.teacher->WithLogits(
        context_, batch, [&](const RowLogits& logits) -> absl::Status {
            if (!begins(tokens - teacher_tokens)) return InterruptedError("interrupted");
            const SoftTargets targets = {
                .logits = logits,
                .teacher_V = distillation_.teacher->config().outputs(),
                .memory = logits_.as<float>(),
                .alpha = static_cast<float>(distillation_.alpha),
                .temperature = static_cast<float>(distillation_.temperature)};
            HONE_ASSIGN_OR_RETURN(sums, pass(targets));
            return absl::OkStatus();
        }));
    if (std::isfinite(sums.labels.loss) && !std::isfinite(sums.divergence))
        return TrainingError(
            "the logits of --teacher_model {} are no finite numbers: its weights are broken, or "
            "--teacher_weights is too coarse for them",
            distillation_.teacher->files().path);
    return sums;
}

void Distiller::Add(const DistilledSums& part, ObjectiveSums* sums) const {
    const double weight = part.labels.weight, alpha = distillation_.alpha;
    sums->loss += (1 - alpha) * part.labels.loss + alpha * part.divergence;
    sums->weight += weight;
    sums->answers += part.labels;
    sums->Add("loss/labels", part.labels.loss, weight);
    sums->Add("loss/teacher", part.divergence, weight);
}

absl::StatusOr<ObjectiveSums> Distiller::Gradients(const std::vector<int64_t>&,
                                                   const std::vector<Batch>& batches,
                                                   const std::function<uint64_t(size_t)>& seed,
                                                   const Scorer::PassBegins& begins, size_t* bad) {
    HONE_RETURN_IF_ERROR(distillation_.teacher->files().weights->CheckUnchanged());
    double weight = 0;
    for (const Batch& batch : batches)
        for (const float of_token : batch.target_weights) weight += of_token;
    const auto loss_scale = static_cast<float>(1 / weight);
    ObjectiveSums sums;
    for (size_t i = 0; i < batches.size(); ++i) {
        const Batch& batch = batches[i];
        HONE_ASSIGN_OR_RETURN(
            const DistilledSums part,
            Taught(batch, 3 * batch.size(), begins, [&](const SoftTargets& targets) {
                return learner_.DistilForwardBackward(batch, targets, loss_scale, seed(i));
            }));
        Add(part, &sums);
        if (std::isfinite(sums.loss)) continue;
        *bad = i;
        return sums;
    }
    return sums;
}

absl::StatusOr<ObjectiveSums> Distiller::Evaluate(const std::function<bool(Batch*)>& next,
                                                  const Scorer::PassBegins& begins) {
    ObjectiveSums sums;
    for (Batch batch; next(&batch);) {
        HONE_ASSIGN_OR_RETURN(const DistilledSums part,
                              Taught(batch, batch.size(), begins, [&](const SoftTargets& targets) {
                                  return learner_.DistilEvaluate(batch, targets);
                              }));
        Add(part, &sums);
    }
    return sums;
}

absl::Status Distiller::Try(const Batch& batch, bool backward) {
    const auto begins = [](int64_t) { return true; };
    HONE_ASSIGN_OR_RETURN(const DistilledSums sums,
                          Taught(batch, batch.size(), begins, [&](const SoftTargets& targets) {
                              return backward
                                         ? learner_.DistilForwardBackward(batch, targets, 1.0f, 0)
                                         : learner_.DistilEvaluate(batch, targets);
                          }));
    return std::isfinite(sums.labels.loss) ? absl::OkStatus() : learner_.CheckBaseIsFinite();
}

}  // namespace hone
