#include "train/embedding/pair_loss.h"

#include <array>

#include "train/embedding/contrastive.h"
#include "train/embedding/cosine_similarity.h"
#include "train/embedding/infonce.h"

namespace hone {

double EmbeddedPairs::Cosine(int64_t row) const {
    double sum = 0;
    for (int64_t i = row * C; i < (row + 1) * C; ++i)
        sum += static_cast<double>(first[i]) * second[i];
    return sum;
}

std::span<const std::string_view> PairLossNames() {
    static constexpr std::array<std::string_view, 3> names = {"contrastive", "infonce",
                                                              "cosine_similarity"};
    return names;
}

std::unique_ptr<PairLoss> MakePairLoss(std::string_view name, const EmbeddingOptions& options) {
    if (name == "contrastive") return std::make_unique<ContrastiveLoss>(options.margin);
    if (name == "infonce") return std::make_unique<InfoNceLoss>(options.temperature);
    HONE_CHECK(name == "cosine_similarity", "no loss is called {}", name);
    return std::make_unique<CosineSimilarityLoss>();
}

void SlopesOfCosines(const EmbeddedPairs& pairs, std::span<const double> cosine_slopes,
                     PairSlopes* slopes) {
    slopes->first.resize(pairs.first.size());
    slopes->second.resize(pairs.second.size());
    for (int64_t row = 0; row < pairs.rows(); ++row)
        for (int64_t i = row * pairs.C; i < (row + 1) * pairs.C; ++i) {
            slopes->first[i] = static_cast<float>(cosine_slopes[row] * pairs.second[i]);
            slopes->second[i] = static_cast<float>(cosine_slopes[row] * pairs.first[i]);
        }
}

}  // namespace hone
