#include "model/config/tensor_table.h"

#include <fmt/format.h>

namespace hone {

namespace shapes {
namespace {
int64_t Queries(const ModelConfig& c) { return c.num_attention_heads * c.head_dim; }
int64_t Keys(const ModelConfig& c) { return c.num_key_value_heads * c.head_dim; }
}  // namespace

std::vector<int64_t> Tokens(const ModelConfig& c) { return {c.vocab_size, c.hidden_size}; }
std::vector<int64_t> Positions(const ModelConfig& c) {
    return {c.max_position_embeddings, c.hidden_size};
}
std::vector<int64_t> Hidden(const ModelConfig& c) { return {c.hidden_size}; }
std::vector<int64_t> Head(const ModelConfig& c) { return {c.head_dim}; }
std::vector<int64_t> AllQueries(const ModelConfig& c) { return {Queries(c)}; }
std::vector<int64_t> AllKeys(const ModelConfig& c) { return {Keys(c)}; }
std::vector<int64_t> Query(const ModelConfig& c) { return {Queries(c), c.hidden_size}; }
std::vector<int64_t> KeyValue(const ModelConfig& c) { return {Keys(c), c.hidden_size}; }
std::vector<int64_t> FusedQkv(const ModelConfig& c) {
    return {Queries(c) + 2 * Keys(c), c.hidden_size};
}
std::vector<int64_t> Output(const ModelConfig& c) { return {c.hidden_size, Queries(c)}; }
std::vector<int64_t> Up(const ModelConfig& c) { return {c.intermediate_size, c.hidden_size}; }
std::vector<int64_t> FusedGateUp(const ModelConfig& c) {
    return {2 * c.intermediate_size, c.hidden_size};
}
std::vector<int64_t> Down(const ModelConfig& c) { return {c.hidden_size, c.intermediate_size}; }
std::vector<int64_t> Labels(const ModelConfig& c) {
    return {static_cast<int64_t>(c.labels.size()), c.hidden_size};
}

}  // namespace shapes

namespace {

bool Untied(const ModelConfig& c) { return !c.tie_word_embeddings; }

std::string WithSuffix(std::string_view module, std::string_view suffix) {
    return fmt::format("{}{}", module, suffix);
}

}  // namespace

bool Always(const ModelConfig&) { return true; }
bool AttentionBias(const ModelConfig& c) { return c.attention_bias; }
bool AttentionOutputBias(const ModelConfig& c) { return c.attention_output_bias; }
bool MlpBias(const ModelConfig& c) { return c.mlp_bias; }

void TensorTable::AddTokens(std::string_view hf, std::string_view gguf) {
    rows.push_back({"embedding", WithSuffix(hf, ".weight"), WithSuffix(gguf, ".weight"),
                    TensorRole::kEmbedding, shapes::Tokens});
}

void TensorTable::AddPositions(std::string_view hf, std::string_view gguf) {
    rows.push_back({"positions", WithSuffix(hf, ".weight"), WithSuffix(gguf, ".weight"),
                    TensorRole::kPositions, shapes::Positions});
}

void TensorTable::AddHead(std::string_view hf, std::string_view gguf, Whether bias) {
    rows.push_back({"head", WithSuffix(hf, ".weight"), WithSuffix(gguf, ".weight"),
                    TensorRole::kHead, shapes::Tokens, Untied});
    if (bias != nullptr)
        rows.push_back({"head.bias", WithSuffix(hf, ".bias"), WithSuffix(gguf, ".bias"),
                        TensorRole::kHeadBias, shapes::Tokens, bias});
}

void TensorTable::AddNorm(std::string_view name, std::string_view hf, std::string_view gguf,
                          const Norm& norm) {
    rows.push_back({std::string(name), WithSuffix(hf, ".weight"), WithSuffix(gguf, ".weight"),
                    TensorRole::kNorm, norm.shape, nullptr, TensorLayout::kPlain, norm.gguf});
    if (norm.bias)
        rows.push_back({WithSuffix(name, ".bias"), WithSuffix(hf, ".bias"),
                        WithSuffix(gguf, ".bias"), TensorRole::kNorm, norm.shape});
}

void TensorTable::AddLinear(std::string_view name, std::string_view hf, std::string_view gguf,
                            ShapeOf shape, const Linear& linear) {
    rows.push_back({std::string(name), WithSuffix(hf, ".weight"), WithSuffix(gguf, ".weight"),
                    TensorRole::kLinear, shape, nullptr, linear.hf, linear.gguf});
    if (linear.bias == nullptr) return;
    const TensorLayout gguf_bias = linear.gguf == TensorLayout::kRotaryPairs
                                       ? TensorLayout::kRotaryPairs
                                       : TensorLayout::kPlain;
    rows.push_back({WithSuffix(name, ".bias"), WithSuffix(hf, ".bias"), WithSuffix(gguf, ".bias"),
                    TensorRole::kLinearBias, shape, linear.bias, TensorLayout::kPlain, gguf_bias});
}

namespace {

void AddAttention(const DecoderRows& options, TensorTable& table) {
    using HeadNorms = DecoderRows::HeadNorms;
    const TensorTable::Linear rotary{AttentionBias, TensorLayout::kPlain, options.gguf_rotary};
    const std::string hf = "model.layers.{}.self_attn.";
    if (options.fused) {
        table.AddLinear("layers.{}.attention.qkv", hf + "qkv_proj", "blk.{}.attn_qkv",
                        shapes::FusedQkv, {AttentionBias});
    } else {
        table.AddLinear("layers.{}.attention.q", hf + "q_proj", "blk.{}.attn_q", shapes::Query,
                        rotary);
        table.AddLinear("layers.{}.attention.k", hf + "k_proj", "blk.{}.attn_k", shapes::KeyValue,
                        rotary);
        table.AddLinear("layers.{}.attention.v", hf + "v_proj", "blk.{}.attn_v", shapes::KeyValue,
                        {AttentionBias});
    }
    table.AddLinear("layers.{}.attention.o", hf + "o_proj", "blk.{}.attn_output", shapes::Output,
                    {AttentionOutputBias});
    if (options.head_norms == HeadNorms::kNone) return;
    const bool each = options.head_norms == HeadNorms::kEachHead;
    table.AddNorm("layers.{}.attention.q_norm", hf + "q_norm", "blk.{}.attn_q_norm",
                  {each ? shapes::Head : shapes::AllQueries, false, options.gguf_norms});
    table.AddNorm("layers.{}.attention.k_norm", hf + "k_norm", "blk.{}.attn_k_norm",
                  {each ? shapes::Head : shapes::AllKeys, false, options.gguf_norms});
}

void AddMlp(const DecoderRows& options, TensorTable& table) {
    const std::string hf = "model.layers.{}.mlp.";
    if (options.fused) {
        table.AddLinear("layers.{}.mlp.gate_up", hf + "gate_up_proj", "blk.{}.ffn_up",
                        shapes::FusedGateUp, {MlpBias});
    } else {
        table.AddLinear("layers.{}.mlp.gate", hf + "gate_proj", "blk.{}.ffn_gate", shapes::Up,
                        {MlpBias});
        table.AddLinear("layers.{}.mlp.up", hf + "up_proj", "blk.{}.ffn_up", shapes::Up, {MlpBias});
    }
    table.AddLinear("layers.{}.mlp.down", hf + "down_proj", "blk.{}.ffn_down", shapes::Down,
                    {MlpBias});
}

}  // namespace

std::vector<TensorRow> DecoderTable(const DecoderRows& options) {
    using Norms = DecoderRows::Norms;
    const TensorTable::Norm norm{shapes::Hidden, false, options.gguf_norms};
    const std::string hf = "model.layers.{}.";
    const bool before = options.norms != Norms::kAfter, after = options.norms != Norms::kBefore;
    TensorTable table;
    table.AddTokens("model.embed_tokens", "token_embd");
    if (before)
        table.AddNorm("layers.{}.attention_norm", hf + "input_layernorm", "blk.{}.attn_norm", norm);
    AddAttention(options, table);
    if (after)
        table.AddNorm("layers.{}.attention_post_norm", hf + "post_attention_layernorm",
                      "blk.{}.post_attention_norm", norm);
    // Where there are norms behind, the one before the MLP has another name.
    if (before)
        table.AddNorm("layers.{}.mlp_norm",
                      hf + (after ? "pre_feedforward_layernorm" : "post_attention_layernorm"),
                      "blk.{}.ffn_norm", norm);
    AddMlp(options, table);
    if (after)
        table.AddNorm("layers.{}.mlp_post_norm", hf + "post_feedforward_layernorm",
                      "blk.{}.post_ffw_norm", norm);
    table.AddNorm("norm", "model.norm", "output_norm", norm);
    table.AddHead("lm_head", "output");
    return std::move(table.rows);
}

namespace {

bool HeadBias(const ModelConfig& c) { return c.head_bias; }

std::vector<TensorRow> LabelHead(std::string_view module) {
    return {{"head", WithSuffix(module, ".weight"), "", TensorRole::kHead, shapes::Labels},
            {"head.bias", WithSuffix(module, ".bias"), "", TensorRole::kHeadBias, shapes::Labels,
             HeadBias}};
}

const std::vector<TensorRow>& LabelHeadRows(const ArchSpec& arch, HeadKind kind) {
    static const std::vector<TensorRow> score = LabelHead("score"),
                                        classifier = LabelHead("classifier");
    return kind == HeadKind::kToken && arch.token_head == "classifier" ? classifier : score;
}

}  // namespace

std::vector<const TensorRow*> RowsOf(const ArchSpec& arch, const ModelConfig& config) {
    std::vector<const TensorRow*> rows;
    const auto add = [&](const TensorRow& row) {
        if (row.present == nullptr || row.present(config)) rows.push_back(&row);
    };
    const bool labels = config.head != HeadKind::kLanguageModel;
    for (const TensorRow& row : arch.tensors)
        if (!labels || (row.role != TensorRole::kHead && row.role != TensorRole::kHeadBias))
            add(row);
    if (labels)
        for (const TensorRow& row : LabelHeadRows(arch, config.head)) add(row);
    return rows;
}

}  // namespace hone
