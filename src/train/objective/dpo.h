// --objective dpo: direct preference optimisation (arXiv:2305.18290). With --label_smoothing the
// conservative form, for pairs of which that share is labelled the wrong way round.
#pragma once

#include "train/objective/pair_objective.h"

namespace hone {

class DpoObjective : public PairObjective {
  public:
    std::string_view name() const override { return "dpo"; }
    bool wants_reference() const override { return true; }

  protected:
    Term Of(const ObjectiveOptions& options, const Answer& chosen, const Answer& rejected,
            ObjectiveSums* sums) const override;
};

}  // namespace hone
