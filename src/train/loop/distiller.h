// Labels together with what a teacher says of them: --teacher_model.
//
// Each micro-batch goes through the teacher first, which keeps its last states alone; then, as the
// model that is trained goes forward and backward, both heads give the logits of a few labelled
// tokens at a time. The teacher is never changed, so nothing of it is in a checkpoint.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "model/model.h"
#include "tensor/buffer.h"
#include "train/loop/learner.h"
#include "train/loop/step_loss.h"

namespace hone {

struct Distillation {
    std::shared_ptr<Model> teacher;
    double alpha = 0.5;      // what the teacher's part of the loss counts; the labels' the rest
    double temperature = 2;  // of both models' probabilities
};

class Distiller : public StepLoss {
  public:
    // The references outlive this.
    Distiller(Distillation distillation, Learner& learner, const Context& context);

    // Bytes beside those of the two models.
    static size_t Bytes(const Model& teacher);

    // Both are one pass.
    double scoring_passes() const override { return 0; }
    absl::StatusOr<ObjectiveSums> Gradients(const std::vector<int64_t>& rows,
                                            const std::vector<Batch>& batches,
                                            const std::function<uint64_t(size_t)>& seed,
                                            const Scorer::PassBegins& begins, size_t* bad) override;
    absl::StatusOr<ObjectiveSums> Evaluate(const std::function<bool(Batch*)>& next,
                                           const Scorer::PassBegins& begins) override;
    absl::Status Try(const Batch& batch, bool backward) override;

  private:
    using Pass = std::function<absl::StatusOr<DistilledSums>(const SoftTargets& targets)>;
    // The teacher's pass over the batch, and `pass` with what it says. tokens: what both are worth.
    absl::StatusOr<DistilledSums> Taught(const Batch& batch, int64_t tokens,
                                         const Scorer::PassBegins& begins, const Pass& pass);
    void Add(const DistilledSums& part, ObjectiveSums* sums) const;

    Distillation distillation_;
    Learner& learner_;
    const Context& context_;
    Buffer logits_;  // f32 [kMostLogitRows, V of the teacher]
};

}  // namespace hone
