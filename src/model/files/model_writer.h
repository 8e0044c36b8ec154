// A model's config and weights in a folder of Hugging Face's layout.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <span>
#include <string>

#include "base/status.h"
#include "model/files/model_files.h"
#include "tensor/dtype.h"

namespace hone {

// The numbers of one tensor of the config in the plain layout (tensor_layout.h), row-major. They are
// used before the next tensor's are asked for.
using TensorValues =
    std::function<absl::StatusOr<std::span<const float>>(const ModelTensor& tensor)>;

inline constexpr int64_t kOneFile = std::numeric_limits<int64_t>::max();

// Writes the model of `files` with other numbers into `folder`, which is made if need be:
// config.json, with `dtype` (F32, F16 or BF16) in it, and model.safetensors in that type; where the
// weights are more than shard_bytes, several files of at most so many (of one tensor, where that is
// larger) and model.safetensors.index.json. A number that F16 cannot hold is an error of kind
// kModel. With its tokenizer beside it: chat/model_folder.h.
absl::Status WriteConfigAndWeights(const ModelFiles& files, DType dtype, const TensorValues& values,
                                   const std::string& folder, int64_t shard_bytes = kOneFile);

}  // namespace hone
