// --loss infonce (arXiv:1807.03748): of all second texts of a batch, each first one is to find its
// own: cross-entropy over cosine / temperature. As MultipleNegativesRankingLoss of
// sentence_transformers. The first text of a pair that is not alike looks for none; its second one
// is there to be told apart.
#pragma once

#include "train/embedding/pair_loss.h"

namespace hone {

class InfoNceLoss : public PairLoss {
  public:
    explicit InfoNceLoss(double temperature) : temperature_(temperature) {}
    std::string_view name() const override { return "infonce"; }
    std::string Summary() const override;
    bool wants_batches() const override { return true; }
    absl::StatusOr<double> Loss(const EmbeddedPairs& pairs, PairSlopes* slopes) override;

  private:
    double temperature_;
};

}  // namespace hone
