#include "train/objective/kto.h"

#include <algorithm>

namespace hone {

ObjectiveSums KtoObjective::Loss(const ObjectiveOptions& options, const ScoredRows& rows,
                                 int64_t batch_rows, std::span<double> slopes) const {
    const size_t count = rows.answers.size(), batch = static_cast<size_t>(batch_rows);
    HONE_CHECK(rows.unrelated.size() == count && slopes.size() == count);
    ObjectiveSums sums;
    for (size_t begin = 0; begin < count; begin += batch) {
        const size_t end = std::min(count, begin + batch);
        double divergence = 0;
        for (size_t i = begin; i < end; ++i) divergence += rows.unrelated[i].log_ratio();
        divergence = std::max(0.0, divergence / static_cast<double>(end - begin));
        sums.Add("kl", divergence);
        for (size_t i = begin; i < end; ++i) {
            const Answer& answer = rows.answers[i];
            const double sign = answer.undesired ? -1 : 1;
            const double weight =
                answer.undesired ? options.undesirable_weight : options.desirable_weight;
            const double value = Sigmoid(sign * options.beta * (answer.log_ratio() - divergence));
            sums.loss += weight * (1 - value);
            sums.weight += 1;
            slopes[i] =
                -weight * sign * options.beta * value * (1 - value) / static_cast<double>(count);
            if (!answer.undesired) sums.answers += answer.likelihood;
            sums.Add(answer.undesired ? "rewards/rejected" : "rewards/chosen",
                     options.beta * answer.log_ratio());
            sums.Add(answer.undesired ? "logps/rejected" : "logps/chosen", answer.logp());
        }
    }
    return sums;
}

MetricValues KtoObjective::Report(const ObjectiveSums& sums) const {
    MetricValues values = Objective::Report(sums);
    const auto find = [&](std::string_view name) {
        return std::find_if(values.begin(), values.end(),
                            [&](const auto& value) { return value.first == name; });
    };
    const auto good = find("rewards/chosen"), bad = find("rewards/rejected");
    if (good == values.end() || bad == values.end()) return values;
    values.emplace_back("rewards/margins", good->second - bad->second);
    return values;
}

}  // namespace hone
