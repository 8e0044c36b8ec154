// How likely a model finds each of several answers to one prompt.
#pragma once

#include <vector>

#include "model/model.h"
#include "tensor/batch.h"

namespace hone {

// For each candidate the sum over its tokens of weight * log-probability (nats), which is minus the
// loss of Model::Evaluate. What several begin with goes through the model once. At least one
// candidate; each begins with a token of weight 0, has one with another weight, and fits into the
// model's context.
absl::StatusOr<std::vector<double>> LogProbabilities(Model& model,
                                                     const std::vector<Example>& candidates,
                                                     const Context& context);

}  // namespace hone
