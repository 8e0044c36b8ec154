// --objective kto: Kahneman-Tversky optimisation (arXiv:2402.01306, equation 7) on answers that
// were judged good or bad one by one. How far the model has moved is estimated over each batch,
// from answers to prompts that are not theirs.
#pragma once

#include "train/objective/objective.h"

namespace hone {

class KtoObjective : public Objective {
  public:
    std::string_view name() const override { return "kto"; }
    RowKind rows() const override { return RowKind::kJudged; }
    bool wants_reference() const override { return true; }
    bool wants_unrelated() const override { return true; }
    ObjectiveSums Loss(const ObjectiveOptions& options, const ScoredRows& rows, int64_t batch_rows,
                       std::span<double> slopes) const override;
    MetricValues Report(const ObjectiveSums& sums) const override;
};

}  // namespace hone
