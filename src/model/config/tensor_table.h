// Making a family's table of tensors. The names on hone's side say what a tensor does, and
// decoder_graph.h wires a model by them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "model/config/arch.h"

namespace hone {

using ShapeOf = std::vector<int64_t> (*)(const ModelConfig&);
using Whether = bool (*)(const ModelConfig&);

// Of weights: [out, in]; of norms: [elements].
namespace shapes {
std::vector<int64_t> Tokens(const ModelConfig& config);       // [V, C]
std::vector<int64_t> Positions(const ModelConfig& config);    // [positions, C]
std::vector<int64_t> Hidden(const ModelConfig& config);       // [C]
std::vector<int64_t> Head(const ModelConfig& config);         // [D]
std::vector<int64_t> AllQueries(const ModelConfig& config);   // [H D]
std::vector<int64_t> AllKeys(const ModelConfig& config);      // [KV D]
std::vector<int64_t> Query(const ModelConfig& config);        // [H D, C]
std::vector<int64_t> KeyValue(const ModelConfig& config);     // [KV D, C]
std::vector<int64_t> FusedQkv(const ModelConfig& config);     // [(H + 2 KV) D, C]
std::vector<int64_t> Output(const ModelConfig& config);       // [C, H D]
std::vector<int64_t> Up(const ModelConfig& config);           // [F, C]
std::vector<int64_t> FusedGateUp(const ModelConfig& config);  // [2 F, C]
std::vector<int64_t> Down(const ModelConfig& config);         // [C, F]
std::vector<int64_t> Labels(const ModelConfig& config);       // [labels, C]
}  // namespace shapes

bool Always(const ModelConfig& config);
bool AttentionBias(const ModelConfig& config);
bool AttentionOutputBias(const ModelConfig& config);
bool MlpBias(const ModelConfig& config);

class TensorTable {
  public:
    struct Linear {
        Whether bias = nullptr;  // whether the config has one; nullptr: none ever
        TensorLayout hf = TensorLayout::kPlain, gguf = TensorLayout::kPlain;  // of the weight
    };
    struct Norm {
        ShapeOf shape = shapes::Hidden;
        bool bias = false;
        TensorLayout gguf = TensorLayout::kPlain;
    };

    // `hf` and `gguf` are modules: "model.norm", "output_norm".
    void AddTokens(std::string_view hf, std::string_view gguf);     // "embedding"
    void AddPositions(std::string_view hf, std::string_view gguf);  // "positions"
    void AddHead(std::string_view hf, std::string_view gguf, Whether bias = nullptr);  // "head"
    void AddNorm(std::string_view name, std::string_view hf, std::string_view gguf,
                 const Norm& norm);
    void AddNorm(std::string_view name, std::string_view hf, std::string_view gguf) {
        AddNorm(name, hf, gguf, Norm());
    }
    void AddLinear(std::string_view name, std::string_view hf, std::string_view gguf, ShapeOf shape,
                   const Linear& linear);
    void AddLinear(std::string_view name, std::string_view hf, std::string_view gguf,
                   ShapeOf shape) {
        AddLinear(name, hf, gguf, shape, Linear());
    }

    std::vector<TensorRow> rows;
};

// What the tables of Llama's descendants have in common, and where they differ.
struct DecoderRows {
    enum class Norms { kBefore, kBeforeAndAfter, kAfter };  // each half of a layer
    enum class HeadNorms { kNone, kEachHead, kAllHeads };   // of queries and keys
    Norms norms = Norms::kBefore;
    HeadNorms head_norms = HeadNorms::kNone;
    bool fused = false;  // qkv_proj and gate_up_proj (Phi 3)
    TensorLayout gguf_rotary = TensorLayout::kPlain, gguf_norms = TensorLayout::kPlain;
};
std::vector<TensorRow> DecoderTable(const DecoderRows& options);

// The rows of the family's table that the config has, in their order. A head of labels stands in
// the place of the language model's.
std::vector<const TensorRow*> RowsOf(const ArchSpec& arch, const ModelConfig& config);

}  // namespace hone
