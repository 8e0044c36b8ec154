#include "train/embedding/contrastive.h"

#include <algorithm>

namespace hone {

std::string ContrastiveLoss::Summary() const {
    return fmt::format("contrastive, margin {:g}", margin_);
}

absl::StatusOr<double> ContrastiveLoss::Loss(const EmbeddedPairs& pairs, PairSlopes* slopes) {
    const auto rows = static_cast<double>(pairs.rows());
    std::vector<double> cosine_slopes;
    double loss = 0;
    for (int64_t row = 0; row < pairs.rows(); ++row) {
        const double alike = pairs.scores[row], distance = 1 - pairs.Cosine(row);
        const double missing = std::max(0.0, margin_ - distance);
        loss += (alike * distance * distance + (1 - alike) * missing * missing) / 2 / rows;
        cosine_slopes.push_back(-(alike * distance - (1 - alike) * missing) / rows);
    }
    if (slopes != nullptr) SlopesOfCosines(pairs, cosine_slopes, slopes);
    return loss;
}

}  // namespace hone
