#include "train/objective/dpo.h"

namespace hone {

PairObjective::Term DpoObjective::Of(const ObjectiveOptions& options, const Answer& chosen,
                                     const Answer& rejected, ObjectiveSums*) const {
    const double beta = options.beta;
    Term term;
    term.chosen_reward = beta * chosen.log_ratio();
    term.rejected_reward = beta * rejected.log_ratio();
    double slope;
    term.loss = SmoothedLogistic(term.chosen_reward - term.rejected_reward, options.label_smoothing,
                                 &slope);
    term.chosen_slope = beta * slope;
    term.rejected_slope = -beta * slope;
    term.chosen_logp = chosen.logp();
    term.rejected_logp = rejected.logp();
    return term;
}

}  // namespace hone
