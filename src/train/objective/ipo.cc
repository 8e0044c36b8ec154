#include "train/objective/ipo.h"

namespace hone {

PairObjective::Term IpoObjective::Of(const ObjectiveOptions& options, const Answer& chosen,
                                     const Answer& rejected, ObjectiveSums*) const {
    const double miss = chosen.log_ratio() / chosen.tokens() -
                        rejected.log_ratio() / rejected.tokens() - 1 / (2 * options.beta);
    Term term;
    term.loss = miss * miss;
    term.chosen_slope = 2 * miss / chosen.tokens();
    term.rejected_slope = -2 * miss / rejected.tokens();
    term.chosen_reward = options.beta * chosen.log_ratio();
    term.rejected_reward = options.beta * rejected.log_ratio();
    term.chosen_logp = chosen.logp();
    term.rejected_logp = rejected.logp();
    return term;
}

}  // namespace hone
