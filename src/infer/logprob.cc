#include "infer/logprob.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace hone {

TokenLogprob LogprobOf(std::span<const float> logits, int32_t token, int64_t top) {
    const float highest = *std::max_element(logits.begin(), logits.end());
    double sum = 0;
    for (float logit : logits) sum += std::exp(static_cast<double>(logit - highest));
    const double log_sum = static_cast<double>(highest) + std::log(sum);
    const auto logprob = [&](int32_t at) { return static_cast<float>(logits[at] - log_sum); };
    TokenLogprob result{.token = token, .logprob = logprob(token)};
    if (top <= 0) return result;
    std::vector<int32_t> order(logits.size());
    std::iota(order.begin(), order.end(), 0);
    const auto count = std::min<int64_t>(top, static_cast<int64_t>(order.size()));
    std::partial_sort(order.begin(), order.begin() + count, order.end(), [&](int32_t a, int32_t b) {
        return logits[a] != logits[b] ? logits[a] > logits[b] : a < b;
    });
    for (int64_t i = 0; i < count; ++i) result.top.emplace_back(order[i], logprob(order[i]));
    return result;
}

}  // namespace hone
