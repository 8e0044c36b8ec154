// --objective sft: the answers become likely. The mean cross-entropy over their tokens.
#pragma once

#include "train/objective/objective.h"

namespace hone {

class SftObjective : public Objective {
  public:
    std::string_view name() const override { return "sft"; }
    RowKind rows() const override { return RowKind::kPlain; }
    bool direct() const override { return true; }
    std::vector<OptionDefault> defaults(bool trains_base) const override { return {}; }
    std::string Summary(const ObjectiveOptions& options) const override { return ""; }
    ObjectiveSums Loss(const ObjectiveOptions& options, const ScoredRows& rows, int64_t batch_rows,
                       std::span<double> slopes) const override;
};

}  // namespace hone
