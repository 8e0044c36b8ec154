// Which labels the training rows hold.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "data/format/tokenize.h"
#include "data/options.h"
#include "data/read/splits.h"
#include "tensor/context.h"

namespace hone {

struct FoundLabels {
    std::vector<std::string> names;  // LabelOptions::names
    std::vector<float> weights;      // that LabelOptions::class_weights means; none: all are 1
    std::vector<std::string> warnings;
};

// Whether the row with that hash is held out for evaluation: both copies of a row fall on the same
// side, in every run and whatever else the file holds.
bool HeldOut(uint64_t hash, double fraction);

// The names are those of options.labels or options.label_names, where they name any.
// Reads the training rows of the plan without making tokens of them; bad ones are passed over. Rows
// that are held out of them count for the names, and not for the weights. An error of kind kData
// where there are fewer than two labels, or more than kMaxLabels.
absl::StatusOr<FoundLabels> CollectLabels(const ReadPlan& plan, const DataOptions& options,
                                          const std::shared_ptr<const ConversationEncoder>& encoder,
                                          const Context& context);

}  // namespace hone
