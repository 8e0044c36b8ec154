// The special tokens of a model, read without making its tokenizer, which takes a hundred times the
// memory.
#pragma once

#include <string>
#include <vector>

#include "base/status.h"
#include "model/files/model_files.h"

namespace hone {

// The texts of the tokens that ChatFiles::tokenizer calls special, by their ids. Errors of kind
// kModel: no tokenizer, or one whose list of added tokens cannot be read.
absl::StatusOr<std::vector<std::string>> ReadSpecialTokens(const ModelFiles& files);

}  // namespace hone
