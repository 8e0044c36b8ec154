// What a model's files say of text: the tokenizer, the chat template, the tokens that begin and end
// a text, and how its makers sample.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "data/format/tokenize.h"
#include "model/files/model_files.h"
#include "text/chat_template.h"
#include "text/tokenizer.h"

namespace hone {

struct GenerationDefaults {  // generation_config.json
    std::optional<float> temperature, top_p, repetition_penalty;
    std::optional<int64_t> top_k;
    bool do_sample = false;
};

struct ChatFiles {
    std::shared_ptr<const Tokenizer> tokenizer;
    std::shared_ptr<const ChatTemplate> chat_template;  // ChatML when the model brings none
    bool has_chat_template = false;
    // BOS belongs before plain text: tokenizer_config.json's or GGUF's add_bos_token, else what the
    // tokenizer's post-processor does.
    bool adds_bos = false;
    std::string bos_token, eos_token;  // as text; empty: none
    std::optional<int32_t> bos_id;
    // Any of them ends an answer: the tokenizer's own eos_token first, then those of config.json
    // and generation_config.json, or of GGUF's metadata.
    std::vector<int32_t> eos_ids;
    GenerationDefaults generation;
    int64_t embedding_rows = 0;  // ids that the model takes

    // The one way from messages and texts to tokens, for training, evaluation and answers.
    absl::StatusOr<std::shared_ptr<const ConversationEncoder>> MakeEncoder() const;
};

// Reads them beside (or, of GGUF, out of) the weights of an opened model. Broken tokenizers and
// templates, and tokens that the model's embedding has no row for, are errors of kind kModel.
//
// From a folder: tokenizer.json (or vocab.json with merges.txt), tokenizer_config.json, special_tokens_map.json,
// generation_config.json, chat_template.jinja, additional_chat_templates/*.jinja,
// chat_template.json.
absl::StatusOr<std::unique_ptr<ChatFiles>> OpenChat(const ModelFiles& files);

}  // namespace hone
