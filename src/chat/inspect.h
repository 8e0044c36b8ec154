// What a model is, at a glance: for `hone models inspect`.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "chat/chat_files.h"
#include "nlohmann/json.hpp"

namespace hone {

struct ModelSummary {
    std::string path;
    std::string architecture;  // "LlamaForCausalLM"
    int64_t parameters = 0;    // a tied head counted once
    int64_t weight_bytes = 0;  // as stored
    std::vector<std::pair<std::string, int64_t>>
        parameters_by_type;  // {"Q4_1", 134000000}, largest first
    int64_t layers = 0, hidden_size = 0, intermediate_size = 0, heads = 0, kv_heads = 0,
            head_dim = 0;
    int64_t context_length = 0;
    bool tied_embeddings = false;
    int64_t vocab_size = 0;      // rows of the embedding
    int64_t tokenizer_size = 0;  // tokens, added ones included
    std::string bos_token, eos_token;
    bool chat_template = false;
};

ModelSummary Summarize(const ModelFiles& files, const ChatFiles& chat);
nlohmann::ordered_json ToJson(const ModelSummary& summary);

}  // namespace hone
