// Weights of the base that an adapter's file brings along. PEFT stores the frozen head beside its
// delta ("lm_head.base_layer.weight"), and the embedding and head of a vocabulary that was resized.
#pragma once

#include <string>

#include "base/status.h"
#include "model/files/model_files.h"

namespace hone {

// Before Model::Load: what the adapter of that folder brings takes the place of the base's own
// tensors in `files`, as PEFT loads it; what equals them is passed over. A tied embedding and head
// stay one. An error of kind kModel where the shapes differ, or a number is not finite.
absl::Status UseBroughtWeights(const std::string& folder, ModelFiles& files);

// Whether the base has a tensor of that name and `stored` holds its numbers; an error where it
// holds others, and false where there is no such tensor.
absl::StatusOr<bool> IsCopyOfBase(const ModelFiles& files, const StoredTensor& stored,
                                  const std::string& path);

}  // namespace hone
