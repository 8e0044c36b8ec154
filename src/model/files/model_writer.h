// A model as a folder in Hugging Face's layout: what transformers' from_pretrained and OpenModel
// read.
#pragma once

#include <functional>
#include <span>
#include <string>

#include "base/status.h"
#include "model/files/model_files.h"
#include "tensor/dtype.h"

namespace hone {

// The numbers of one tensor of the config, row-major, its rows in Hugging Face's order.
using TensorValues = std::function<std::span<const float>(const ModelTensor& tensor)>;

// Writes the model of `files` with other numbers into `folder`, which is made if need be:
// config.json, with `dtype` (F32, F16 or BF16) in it; model.safetensors in that type;
// generation_config.json; tokenizer.json, tokenizer_config.json and what else the base's folder has
// for its tokenizer and chat template. Of a GGUF base these are made from its metadata. A number
// that F16 cannot hold is an error of kind kModel.
absl::Status WriteModelFolder(const ModelFiles& files, DType dtype, const TensorValues& values,
                              const std::string& folder);

}  // namespace hone
