// What a model makes of tokens before its head, for embeddings.
#pragma once

#include <vector>

#include "model/model.h"

namespace hone {

// hidden f32 [T, C] (=): the final hidden state of every token of the batch, after the last norm.
// adapters: as in Model::Evaluate. A document's rows are the same bits whatever others are in the
// batch.
absl::Status HiddenStates(Model& model, const Context& context, const Batch& batch, float* hidden,
                          const std::vector<const Adapter*>& adapters = {});

}  // namespace hone
