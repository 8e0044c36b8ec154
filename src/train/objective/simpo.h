// --objective simpo: simple preference optimisation (arXiv:2405.14734): mean log-probabilities a
// token as rewards, which are to lie --simpo_gamma apart, and no reference.
#pragma once

#include "train/objective/pair_objective.h"

namespace hone {

class SimpoObjective : public PairObjective {
  public:
    std::string_view name() const override { return "simpo"; }
    std::string Summary(const ObjectiveOptions& options) const override;

  protected:
    Term Of(const ObjectiveOptions& options, const Answer& chosen, const Answer& rejected,
            ObjectiveSums* sums) const override;
};

}  // namespace hone
