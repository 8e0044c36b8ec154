// The tokenizer and chat template of a model, and the tokens that begin and end a text, out of its
// files.
#pragma once

#include <string>

#include "base/status.h"
#include "model/files/gguf.h"
#include "model/files/model_files.h"

namespace hone {

// Fill in tokenizer, chat_template, has_chat_template, adds_bos, bos_token, eos_token, and in the
// config bos_token_id and the tokenizer's own eos_token_id in front of the others. `files.config`
// must have been read.
//
// From a folder: tokenizer.json, tokenizer_config.json, special_tokens_map.json,
// chat_template.jinja, additional_chat_templates/*.jinja, chat_template.json.
absl::Status ReadTokenizerFolder(const std::string& folder, ModelFiles& files);
absl::Status ReadTokenizerGguf(const GgufFile& gguf, ModelFiles& files);

}  // namespace hone
