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
    kPositions,   // [positions, C]
    kNorm,        // a norm's weight or bias
    kLinear,      // [out, in], a LoRA target
    kLinearBias,  // [out]
    kHead,        // [V, C]
    kHeadBias,    // [V]
};

// How a file holds a tensor whose numbers the engine has in Hugging Face's plain layout
// (model/files/tensor_layout.h turns one into the other, both ways).
enum class TensorLayout {
    kPlain,
    kTransposed,  // [in, out]: GPT-2's Conv1D
    // The rows of each head interleaved: llama.cpp's converter turns each head's [2, head_dim / 2]
    // rows into [head_dim / 2, 2].
    kRotaryPairs,
    kPlusOne,  // each number is one more: GGUF has Gemma's norms that way
};

// One line of a family's table; shapes are given as functions of the config.
struct TensorRow {
    std::string name;       // hone's name of the module, e.g. "layers.{}.attention.q"
    std::string hf_name;    // "model.layers.{}.self_attn.q_proj.weight"
    std::string gguf_name;  // "blk.{}.attn_q.weight"
    TensorRole role = TensorRole::kLinear;
    // Of a bias: of its linear, whose rows it has.
    std::vector<int64_t> (*shape)(const ModelConfig&) = nullptr;
    // Whether this config has the tensor (a bias, an untied head); nullptr: always.
    bool (*present)(const ModelConfig&) = nullptr;
    TensorLayout hf = TensorLayout::kPlain, gguf = TensorLayout::kPlain;
};

struct ModelGraph;  // model/config/graph.h

// Modules of a file that it may hold as one, in whose tensors the rows of theirs follow one
// another.
struct FusedRows {
    std::string_view whole;               // "blk.{}.attn_qkv"
    std::vector<std::string_view> parts;  // "blk.{}.attn_q", ...
};

struct ArchSpec {
    std::string_view model_type;  // "llama", in config.json
    std::string_view gguf_type;   // in "general.architecture"; empty: GGUF has no such family
    std::vector<std::string_view> architectures;  // "LlamaForCausalLM"
    std::vector<TensorRow> tensors;
    // Reads config.json; fails on what it does not know and on numbers that contradict each other.
    absl::StatusOr<ModelConfig> (*read_config)(const nlohmann::ordered_json& json) = nullptr;
    // Makes the config.json that transformers would have, from GGUF metadata as a flat JSON object
    // ({"llama.block_count": 30, ...}), to which the reader adds "tensors" (the tensors' names),
    // "vocabulary_size" (the number of tokens) and, when the file has it, "rope_freqs" (that
    // tensor's values: each frequency is divided by one), "rope_factors_short" and
    // "rope_factors_long" likewise. Where GGUF has one name for several families, its
    // "architectures" says which this is. nullptr where gguf_type is empty.
    absl::StatusOr<nlohmann::ordered_json> (*config_from_gguf)(
        const nlohmann::ordered_json& metadata) = nullptr;
    // What the family's graph has besides what its table says (model/config/decoder_graph.h);
    // nullptr: nothing.
    void (*wire)(const ModelConfig& config, ModelGraph& graph) = nullptr;
    // The linear layers that get an adapter where nobody says which: PEFT's.
    std::vector<std::string> lora_targets = {"q_proj", "v_proj"};
    // The same of IA3's learned vectors, and which of these scale their layer's input: PEFT's, and
    // of families that it does not know, those of Llama.
    std::vector<std::string> ia3_targets = {"k_proj", "v_proj", "down_proj"};
    std::vector<std::string> ia3_feedforward = {"down_proj"};
    // What transformers calls the family with a head of labels: "Llama" of
    // LlamaForSequenceClassification; empty: as the first of its architectures begins.
    std::string_view label_class = "";
    // The module that classifies tokens; that of a sequence is "score" in every family.
    std::string_view token_head = "score";
    // What Hugging Face's names in a file may begin with in place of what the table's begin with:
    // {"transformer.", ""}, {"model.", "language_model.model."}.
    std::vector<std::pair<std::string_view, std::string_view>> other_prefixes = {};
    // Of GGUF files, whose tensors the table has apart.
    std::vector<FusedRows> gguf_fused = {};
    // Parts of names of tensors that a file may hold and that this family has no use for: buffers,
    // the other half of a model of text and images.
    std::vector<std::string_view> unused_tensors = {};
};

// All families, in the order of their file names.
std::span<const ArchSpec* const> AllArchs();
// By config.json's "architectures"[0], also one with a head of labels, or "model_type"; the error
// lists what there is.
absl::StatusOr<const ArchSpec*> FindArch(std::string_view architecture_or_type);
// By GGUF's "general.architecture".
absl::StatusOr<const ArchSpec*> FindGgufArch(std::string_view architecture);

}  // namespace hone
