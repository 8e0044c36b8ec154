#include "train/objective/simpo.h"

namespace hone {

std::string SimpoObjective::Summary(const ObjectiveOptions& options) const {
    return fmt::format("{}, gamma {:g}", PairObjective::Summary(options), options.simpo_gamma);
}

PairObjective::Term SimpoObjective::Of(const ObjectiveOptions& options, const Answer& chosen,
                                       const Answer& rejected, ObjectiveSums*) const {
    const double beta = options.beta;
    Term term;
    term.chosen_logp = chosen.mean_logp();
    term.rejected_logp = rejected.mean_logp();
    term.chosen_reward = beta * term.chosen_logp;
    term.rejected_reward = beta * term.rejected_logp;
    double slope;
    term.loss = SmoothedLogistic(term.chosen_reward - term.rejected_reward - options.simpo_gamma,
                                 options.label_smoothing, &slope);
    term.chosen_slope = beta * slope / chosen.tokens();
    term.rejected_slope = -beta * slope / rejected.tokens();
    return term;
}

}  // namespace hone
