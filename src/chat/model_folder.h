// A model as a folder in Hugging Face's layout: what transformers' from_pretrained, OpenModel and
// OpenChat read.
#pragma once

#include <string>

#include "base/status.h"
#include "model/files/model_writer.h"

namespace hone {

// WriteConfigAndWeights, and what else belongs to a model: generation_config.json; tokenizer.json,
// tokenizer_config.json and what else the base's folder has for its tokenizer and chat template. Of
// a GGUF base these are made from its metadata.
absl::Status WriteModelFolder(const ModelFiles& files, DType dtype, const TensorValues& values,
                              const std::string& folder, int64_t shard_bytes = kOneFile);

}  // namespace hone
