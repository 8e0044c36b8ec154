// What a model is, as numbers: read from config.json or GGUF metadata by its family's file in
// arch/.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "kernels/activation/activation.h"
#include "kernels/rope/rope.h"
#include "nlohmann/json.hpp"

namespace hone {

// One table of rotary positions.
struct RotaryConfig {
    int64_t dims = 0;  // elements of a head that turn; the others stay
    double theta = 10000;
    RopeScaling scaling;
};

// What a layer has of its own.
struct LayerConfig {
    int64_t window = 0;  // tokens that a token sees, itself included; 0: all before it
    int rotary = 0;      // of ModelConfig::rotary; -1: its heads do not turn
};

// What stands at the end of a network.
enum class HeadKind {
    kLanguageModel,
    kSequence,  // classifies the whole, at its last token
    kToken      // classifies each token
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
    float norm_epsilon = 1e-6f;
    ActivationKind activation = ActivationKind::kSilu;
    std::vector<RotaryConfig> rotary;
    std::vector<LayerConfig> layers;  // one for each
    bool tie_word_embeddings = false;
    bool attention_bias = false;         // of the linears that make queries, keys and values
    bool attention_output_bias = false;  // of the one behind them
    bool mlp_bias = false;
    float attention_scale = 0;     // of the scores; 0: 1 / sqrt(head_dim)
    float attention_soft_cap = 0;  // of the scores: cap * tanh(score / cap); 0: none
    float final_soft_cap = 0;      // of the logits, likewise
    float embedding_scale = 1;     // multiplies the tokens' embeddings
    float residual_scale = 1;      // multiplies what each half of a layer adds
    float logit_scale = 1;         // multiplies the logits of a language model
    HeadKind head = HeadKind::kLanguageModel;
    std::vector<std::string> labels;  // of another head: the name of 0, of 1, ...
    bool multi_label = false;         // of a sequence: any number of them can be right
    bool head_bias = false;           // of a head of labels
    std::optional<int32_t> bos_token_id;
    std::optional<int32_t> pad_token_id;
    std::vector<int32_t> eos_token_ids;  // any of them ends an answer
    nlohmann::ordered_json
        json;  // config.json as it is, or as transformers would have written it (from GGUF)

    // Numbers that the head has for each token: logits of tokens, or of labels.
    int64_t outputs() const {
        return head == HeadKind::kLanguageModel ? vocab_size : static_cast<int64_t>(labels.size());
    }
};

}  // namespace hone
