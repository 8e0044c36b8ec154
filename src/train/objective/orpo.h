// --objective orpo: odds ratio preference optimisation (arXiv:2403.07691): the cross-entropy of the
// preferred answers, and beta times the loss of the odds ratio; no reference.
#pragma once

#include "train/objective/pair_objective.h"

namespace hone {

class OrpoObjective : public PairObjective {
  public:
    std::string_view name() const override { return "orpo"; }
    // The cross-entropy is the mean over the tokens of all preferred answers.
    ObjectiveSums Loss(const ObjectiveOptions& options, const ScoredRows& rows, int64_t batch_rows,
                       std::span<double> slopes) const override;

  protected:
    Term Of(const ObjectiveOptions& options, const Answer& chosen, const Answer& rejected,
            ObjectiveSums* sums) const override;
};

}  // namespace hone
