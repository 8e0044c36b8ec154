#include "train/objective/sft.h"

#include <algorithm>

namespace hone {

ObjectiveSums SftObjective::Loss(const ObjectiveOptions&, const ScoredRows& rows, int64_t,
                                 std::span<double> slopes) const {
    ObjectiveSums sums;
    for (const Answer& answer : rows.answers) sums.answers += answer.likelihood;
    sums.loss = sums.answers.loss;
    sums.weight = sums.answers.weight;
    std::fill(slopes.begin(), slopes.end(), -1 / sums.weight);
    return sums;
}

}  // namespace hone
