// --loss contrastive (Hadsell, Chopra and LeCun 2006) over the cosine distance d = 1 - cosine: half
// of y d^2 + (1 - y) max(0, margin - d)^2, y being how alike the texts are. As ContrastiveLoss of
// sentence_transformers.
#pragma once

#include "train/embedding/pair_loss.h"

namespace hone {

class ContrastiveLoss : public PairLoss {
  public:
    explicit ContrastiveLoss(double margin) : margin_(margin) {}
    std::string_view name() const override { return "contrastive"; }
    std::string Summary() const override;
    bool wants_different() const override { return true; }
    absl::StatusOr<double> Loss(const EmbeddedPairs& pairs, PairSlopes* slopes) override;

  private:
    double margin_;
};

}  // namespace hone
