// Objectives over pairs: a loss for each pair, which is a function of the two answers' scores. What
// is reported has TRL's names.
#pragma once

#include "train/objective/objective.h"

namespace hone {

class PairObjective : public Objective {
  public:
    RowKind rows() const override { return RowKind::kPairs; }
    ObjectiveSums Loss(const ObjectiveOptions& options, const ScoredRows& rows, int64_t batch_rows,
                       std::span<double> slopes) const override;

  protected:
    // Of one pair. The rewards and logps are what is reported.
    struct Term {
        double loss = 0;
        double chosen_slope = 0, rejected_slope = 0;  // d loss / d logp
        double chosen_reward = 0, rejected_reward = 0;
        double chosen_logp = 0, rejected_logp = 0;
    };
    // More that is reported of the pair goes into *sums.
    virtual Term Of(const ObjectiveOptions& options, const Answer& chosen, const Answer& rejected,
                    ObjectiveSums* sums) const = 0;
};

// -log sigmoid(x), with the share `smoothing` of pairs taken for swapped; *slope = its derivative.
double SmoothedLogistic(double x, double smoothing, double* slope);

}  // namespace hone
