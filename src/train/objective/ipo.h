// --objective ipo: identity preference optimisation (arXiv:2310.12036, equation 17), over mean
// log-probabilities a token, as its authors computed it and TRL does.
#pragma once

#include "train/objective/pair_objective.h"

namespace hone {

class IpoObjective : public PairObjective {
  public:
    std::string_view name() const override { return "ipo"; }
    bool wants_reference() const override { return true; }

  protected:
    Term Of(const ObjectiveOptions& options, const Answer& chosen, const Answer& rejected,
            ObjectiveSums* sums) const override;
};

}  // namespace hone
