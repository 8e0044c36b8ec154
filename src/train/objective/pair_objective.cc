#include "train/objective/pair_objective.h"

namespace hone {

double SmoothedLogistic(double x, double smoothing, double* slope) {
    *slope = smoothing * Sigmoid(x) - (1 - smoothing) * Sigmoid(-x);
    return -(1 - smoothing) * LogSigmoid(x) - smoothing * LogSigmoid(-x);
}

ObjectiveSums PairObjective::Loss(const ObjectiveOptions& options, const ScoredRows& rows, int64_t,
                                  std::span<double> slopes) const {
    const size_t pairs = rows.answers.size() / 2;
    HONE_CHECK(rows.answers.size() == 2 * pairs && slopes.size() == 2 * pairs);
    ObjectiveSums sums;
    for (size_t i = 0; i < pairs; ++i) {
        const Answer &chosen = rows.answers[2 * i], &rejected = rows.answers[2 * i + 1];
        HONE_CHECK(!chosen.undesired && rejected.undesired);
        const Term term = Of(options, chosen, rejected, &sums);
        sums.loss += term.loss;
        sums.weight += 1;
        sums.answers += chosen.likelihood;
        sums.Add("rewards/chosen", term.chosen_reward);
        sums.Add("rewards/rejected", term.rejected_reward);
        sums.Add("rewards/accuracies", term.chosen_reward > term.rejected_reward ? 1 : 0);
        sums.Add("rewards/margins", term.chosen_reward - term.rejected_reward);
        sums.Add("logps/chosen", term.chosen_logp);
        sums.Add("logps/rejected", term.rejected_logp);
        slopes[2 * i] = term.chosen_slope / static_cast<double>(pairs);
        slopes[2 * i + 1] = term.rejected_slope / static_cast<double>(pairs);
    }
    return sums;
}

}  // namespace hone
