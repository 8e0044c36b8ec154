// What a model is, as numbers: read from config.json or GGUF metadata by its family's file in
// arch/.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "nlohmann/json.hpp"

namespace hone {

// "llama3" rope scaling (Llama 3.1): low frequencies divided by `factor`, a smooth ramp between.
struct RopeScaling {
    enum class Kind { kNone, kLinear, kLlama3 } kind = Kind::kNone;
    float factor = 1;
    float low_freq_factor = 1;
    float high_freq_factor = 4;
    int64_t original_max_position_embeddings = 8192;
};

struct ModelConfig {
    std::string architecture;  // "LlamaForCausalLM"
    std::string model_type;    // "llama"
    int64_t vocab_size = 0;
    int64_t hidden_size = 0;
    int64_t intermediate_size = 0;
    int64_t num_hidden_layers = 0;
    int64_t num_attention_heads = 0;
    int64_t num_key_value_heads = 0;
    int64_t head_dim = 0;
    int64_t max_position_embeddings = 0;
    float rms_norm_eps = 1e-6f;
    float rope_theta = 10000.0f;
    RopeScaling rope_scaling;
    bool tie_word_embeddings = false;
    bool attention_bias = false;
    bool mlp_bias = false;
    std::optional<int32_t> bos_token_id;
    std::optional<int32_t> pad_token_id;
    std::vector<int32_t> eos_token_ids;  // any of them ends an answer
    nlohmann::ordered_json
        json;  // config.json as it is, or as transformers would have written it (from GGUF)
};

}  // namespace hone
