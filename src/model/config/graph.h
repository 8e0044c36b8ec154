// What an architecture wires: which block stands where, on which tensors. No weights, no passes:
// blocks/ has those.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/config/config.h"

namespace hone {

// A linear layer by its names in the family's table; `bias` is empty where there is none.
struct LinearSpec {
    std::string weight;
    std::string bias;
};

// x += o(attention(rope(q), rope(k), v)), q, k, v of rmsnorm(x).
struct AttentionSpec {
    std::string norm;
    LinearSpec q, k, v, o;
    int64_t H = 0, KV = 0, D = 0;
    float scale = 1;     // of the scores
    int64_t window = 0;  // sliding window in tokens; 0: none
    float soft_cap = 0;  // 0: none
};

// x += down(silu(gate(rmsnorm(x))) * up(rmsnorm(x))).
struct GatedMlpSpec {
    std::string norm;
    LinearSpec gate, up, down;
    int64_t F = 0;
};

struct LayerSpec {
    AttentionSpec attention;
    GatedMlpSpec mlp;
};

struct ModelGraph {
    std::string embedding;
    std::vector<LayerSpec> layers;
    std::string final_norm;
    LinearSpec head;          // of logits = head(rmsnorm(x)); the embedding's name when tied
    std::string head_module;  // what users and PEFT call it: "lm_head"
};

}  // namespace hone
