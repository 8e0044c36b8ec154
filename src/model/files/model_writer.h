// A model's config and weights in a folder of Hugging Face's layout.
#pragma once

#include <functional>
#include <span>
#include <string>

#include "base/status.h"
#include "model/files/model_files.h"
#include "tensor/dtype.h"

namespace hone {

// The numbers of one tensor of the config in the plain layout (tensor_layout.h), row-major.
using TensorValues = std::function<std::span<const float>(const ModelTensor& tensor)>;

// Writes the model of `files` with other numbers into `folder`, which is made if need be:
// config.json, with `dtype` (F32, F16 or BF16) in it, and model.safetensors in that type. A number
// that F16 cannot hold is an error of kind kModel. With its tokenizer beside it:
// chat/model_folder.h.
absl::Status WriteConfigAndWeights(const ModelFiles& files, DType dtype, const TensorValues& values,
                                   const std::string& folder);

}  // namespace hone
