// A model family: one file in arch/ says everything about it. CMake collects the files; nothing
// else names a family.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/config/config.h"

namespace hone {

// What a tensor is to the engine. "{}" in a name stands for the layer.
enum class TensorRole {
    kEmbedding,   // [V, C]
    kNorm,        // [C]
    kLinear,      // [out, in], a LoRA target
    kLinearBias,  // [out]
    kHead,        // [V, C]
};

// One line of a family's table; shapes are given as functions of the config.
struct TensorRow {
    std::string_view name;       // hone's name of the module, e.g. "layers.{}.attention.q"
    std::string_view hf_name;    // "model.layers.{}.self_attn.q_proj.weight"
    std::string_view gguf_name;  // "blk.{}.attn_q.weight"
    TensorRole role;
    std::vector<int64_t> (*shape)(const ModelConfig&);
    // Whether this config has the tensor (a bias, an untied head); nullptr: always.
    bool (*present)(const ModelConfig&) = nullptr;
    // GGUF stores q and k with each head's rotary halves interleaved (llama.cpp's convert script
    // permutes them).
    bool gguf_permuted = false;
};

struct ModelGraph;  // model/config/graph.h

struct ArchSpec {
    std::string_view model_type;  // "llama", in config.json and "general.architecture"
    std::vector<std::string_view> architectures;  // "LlamaForCausalLM"
    std::vector<TensorRow> tensors;
    // Reads config.json; fails on what it does not know and on numbers that contradict each other.
    absl::StatusOr<ModelConfig> (*read_config)(const nlohmann::ordered_json& json);
    // Makes the config.json that transformers would have, from GGUF metadata as a flat JSON object
    // ({"llama.block_count": 30, ...}), to which the reader adds "tensors" (the tensors' names),
    // "vocabulary_size" (the number of tokens) and, when the file has it, "rope_freqs" (that
    // tensor's values: each frequency is divided by one).
    absl::StatusOr<nlohmann::ordered_json> (*config_from_gguf)(
        const nlohmann::ordered_json& metadata);
    // Wires blocks; see model/config/graph.h.
    void (*wire)(const ModelConfig& config, ModelGraph& graph);
};

// All families, in the order of their file names.
std::span<const ArchSpec* const> AllArchs();
// By config.json's "architectures"[0] or "model_type", or GGUF's "general.architecture"; the error
// lists what there is.
absl::StatusOr<const ArchSpec*> FindArch(std::string_view architecture_or_type);

}  // namespace hone
