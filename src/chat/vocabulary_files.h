// vocab.json and merges.txt: the tokenizer of folders from before tokenizer.json (GPT-2, DialoGPT).
#pragma once

#include <string>

#include "base/status.h"
#include "model/config/config.h"
#include "text/tokenizer.h"

namespace hone {

// Whether the folder has both files.
bool HasVocabularyFiles(const std::string& folder);

// The tokenizer that the two files, and added_tokens.json if it is there, describe. How a text is
// cut follows from the family: gpt2's or qwen2's; the config's tokens that begin and end a text are
// special. Errors of kind kModel: another family, ids that are no row of numbers from 0 on, a line
// that is no pair.
absl::StatusOr<std::shared_ptr<Tokenizer>> OpenVocabularyFiles(const std::string& folder,
                                                               const ModelConfig& config);

}  // namespace hone
