// What an architecture is as data: which parts stand where, on which tensors, with which options.
// No weights, no passes: blocks/ has those.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "model/config/config.h"

namespace hone {

// A linear layer by its names in the family's table; `bias` is empty where there is none.
struct LinearSpec {
    std::string weight;
    std::string bias;
};

// y = xhat * weight + bias, xhat being x over its root mean square, or x less its mean over its
// standard deviation; or y = x.
struct NormSpec {
    enum class Kind { kNone, kRms, kLayer } kind = Kind::kRms;
    std::string weight;  // in the family's table
    std::string bias;    // kLayer alone
    float epsilon = 1e-6f;
    bool plus_one = false;  // the tensor holds the weight less one (Gemma)
};

// out(attention(rope(norm(q)), rope(norm(k)), v)).
struct AttentionSpec {
    // Their outputs side by side are the queries, keys and values: three linears or one.
    std::vector<LinearSpec> in;
    LinearSpec out;
    // Over as many elements as their weight has: each head by itself, or all heads of a token.
    std::optional<NormSpec> q_norm, k_norm;
    int64_t H = 0, KV = 0, D = 0;
    float scale = 1;     // of the scores
    int64_t window = 0;  // sliding window in tokens; 0: none
    float soft_cap = 0;  // 0: none
    int rotary = -1;     // of ModelGraph::rotary; -1: none
};

// out(activation(in)).
struct MlpSpec {
    // Their outputs side by side are the gates and the ups, or the ups alone: one linear or two.
    std::vector<LinearSpec> in;
    LinearSpec out;
    ActivationOptions activation;
    int64_t F = 0;
};

// How a half of a layer joins the residual stream: x += scale * norm(its output).
struct ResidualSpec {
    std::optional<NormSpec> norm;
    float scale = 1;
};

// x += attention(norm(x)); x += mlp(norm(x)). `parallel`: the MLP reads what attention reads, and
// its own norm is unused: x += attention(y) + mlp(y), y = norm(x).
struct LayerSpec {
    NormSpec attention_norm;
    AttentionSpec attention;
    ResidualSpec attention_residual;
    bool parallel = false;
    NormSpec mlp_norm;
    MlpSpec mlp;
    ResidualSpec mlp_residual;
};

// x = scale * tokens[token] + positions[position].
struct EmbeddingSpec {
    std::string tokens;
    std::string positions;  // empty: none
    float scale = 1;
    // The scale is of whatever is embedded, learned vectors too, and not of the table alone.
    bool scales_virtual_tokens = false;
};

// logits = cap(scale * linear(norm(x))), of the next token or of labels.
struct HeadSpec {
    HeadKind kind = HeadKind::kLanguageModel;
    bool multi_label = false;  // of a sequence: any number of labels can be right
    NormSpec norm;
    LinearSpec linear;   // the embedding's name when tied
    std::string module;  // what users and PEFT call it: "lm_head"; empty: as the table says
    float scale = 1;
    float soft_cap = 0;  // 0: none
};

struct ModelGraph {
    EmbeddingSpec embedding;
    std::vector<RotaryConfig> rotary;
    std::vector<LayerSpec> layers;
    HeadSpec head;
};

}  // namespace hone
