// Weights of the base that an adapter's file brings along. PEFT stores the frozen head beside its
// delta ("lm_head.base_layer.weight"), and the embedding and head of a vocabulary that was resized.
#pragma once

#include <string>

#include "base/status.h"
#include "model/files/model_files.h"

namespace hone {

// Before Model::Load: tensors that the adapter of that folder brings along replace the base's own
// ones in `files`, as PEFT does. Those that are equal are passed over. A tied embedding and head
// stay one. An error of kind kModel if shapes differ or a number is not finite.
absl::Status UseBroughtWeights(const std::string& folder, ModelFiles& files);

// Whether `stored` is a copy of the base's tensor of that name. False if the base has no such
// tensor; an error if the numbers differ.
absl::StatusOr<bool> IsCopyOfBase(const ModelFiles& files, const StoredTensor& stored,
                                  const std::string& path);

}  // namespace hone
