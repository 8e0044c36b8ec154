// --loss cosine_similarity: the square of how far the cosine is from the score. As
// CosineSimilarityLoss of sentence_transformers, for scores that are more than yes or no.
#pragma once

#include "train/embedding/pair_loss.h"

namespace hone {

class CosineSimilarityLoss : public PairLoss {
  public:
    std::string_view name() const override { return "cosine_similarity"; }
    std::string Summary() const override { return "cosine_similarity"; }
    absl::StatusOr<double> Loss(const EmbeddedPairs& pairs, PairSlopes* slopes) override;
};

}  // namespace hone
