#include "train/embedding/cosine_similarity.h"

namespace hone {

absl::StatusOr<double> CosineSimilarityLoss::Loss(const EmbeddedPairs& pairs, PairSlopes* slopes) {
    const auto rows = static_cast<double>(pairs.rows());
    std::vector<double> cosine_slopes;
    double loss = 0;
    for (int64_t row = 0; row < pairs.rows(); ++row) {
        const double miss = pairs.Cosine(row) - pairs.scores[row];
        loss += miss * miss / rows;
        cosine_slopes.push_back(2 * miss / rows);
    }
    if (slopes != nullptr) SlopesOfCosines(pairs, cosine_slopes, slopes);
    return loss;
}

}  // namespace hone
