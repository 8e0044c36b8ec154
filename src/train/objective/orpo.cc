#include "train/objective/orpo.h"

#include <algorithm>
#include <cmath>

namespace hone {
namespace {

// 1 - exp(mean log-probability), away from 0, where the odds have no logarithm.
double OneMinusLikelihood(const Answer& answer) {
    return std::max(-std::expm1(answer.mean_logp()), 1e-12);
}

}  // namespace

PairObjective::Term OrpoObjective::Of(const ObjectiveOptions& options, const Answer& chosen,
                                      const Answer& rejected, ObjectiveSums* sums) const {
    Term term;
    term.chosen_logp = chosen.mean_logp();
    term.rejected_logp = rejected.mean_logp();
    const double chosen_rest = OneMinusLikelihood(chosen),
                 rejected_rest = OneMinusLikelihood(rejected);
    const double log_odds =
        term.chosen_logp - term.rejected_logp - (std::log(chosen_rest) - std::log(rejected_rest));
    const double slope = -options.beta * Sigmoid(-log_odds);
    term.loss = -options.beta * LogSigmoid(log_odds);
    term.chosen_slope = slope / chosen_rest / chosen.tokens();
    term.rejected_slope = -slope / rejected_rest / rejected.tokens();
    term.chosen_reward = options.beta * term.chosen_logp;
    term.rejected_reward = options.beta * term.rejected_logp;
    sums->Add("log_odds_ratio", LogSigmoid(log_odds));
    sums->Add("log_odds_chosen", log_odds);
    return term;
}

ObjectiveSums OrpoObjective::Loss(const ObjectiveOptions& options, const ScoredRows& rows,
                                  int64_t batch_rows, std::span<double> slopes) const {
    ObjectiveSums sums = PairObjective::Loss(options, rows, batch_rows, slopes);
    const double nll = sums.answers.loss / sums.answers.weight;
    sums.loss += sums.weight * nll;
    sums.Add("nll_loss", sums.weight * nll, sums.weight);
    for (size_t i = 0; i < slopes.size(); i += 2) slopes[i] -= 1 / sums.answers.weight;
    return sums;
}

}  // namespace hone
