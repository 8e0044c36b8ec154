#include "train/embedding/infonce.h"

#include <algorithm>
#include <cmath>

namespace hone {

std::string InfoNceLoss::Summary() const {
    return fmt::format("infonce, temperature {:g}", temperature_);
}

absl::StatusOr<double> InfoNceLoss::Loss(const EmbeddedPairs& pairs, PairSlopes* slopes) {
    const int64_t rows = pairs.rows(), C = pairs.C;
    const auto looking = static_cast<double>(std::count_if(
        pairs.scores.begin(), pairs.scores.end(), [](float score) { return score >= kAlike; }));
    std::vector<double> first(pairs.first.size()), second(pairs.second.size());
    std::vector<double> logits(static_cast<size_t>(rows));
    double loss = 0;
    for (int64_t row = 0; row < rows; ++row) {
        if (pairs.scores[row] < kAlike) continue;
        const float* text = pairs.first.data() + row * C;
        for (int64_t other = 0; other < rows; ++other) {
            double cosine = 0;
            for (int64_t c = 0; c < C; ++c)
                cosine += static_cast<double>(text[c]) * pairs.second[other * C + c];
            logits[other] = cosine / temperature_;
        }
        const double most = *std::max_element(logits.begin(), logits.end());
        double sum = 0;
        for (const double logit : logits) sum += std::exp(logit - most);
        loss += (most + std::log(sum) - logits[row]) / looking;
        for (int64_t other = 0; other < rows; ++other) {
            const double slope = (std::exp(logits[other] - most) / sum - (other == row ? 1 : 0)) /
                                 temperature_ / looking;
            for (int64_t c = 0; c < C; ++c) {
                first[row * C + c] += slope * pairs.second[other * C + c];
                second[other * C + c] += slope * text[c];
            }
        }
    }
    if (slopes == nullptr) return loss;
    slopes->first.assign(first.begin(), first.end());
    slopes->second.assign(second.begin(), second.end());
    return loss;
}

}  // namespace hone
