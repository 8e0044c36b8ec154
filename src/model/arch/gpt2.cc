// GPT-2 and DialoGPT: learned positions, layer norms, biases everywhere, an MLP without gate;
// linears that a file holds as [in, out]. Radford et al. 2019; transformers, models/gpt2.
#include "model/config/arch.h"
#include "model/config/decoder_config.h"
#include "model/config/gguf_config.h"
#include "model/config/tensor_table.h"

namespace hone {
namespace {

using Json = nlohmann::ordered_json;

constexpr SizeNames kNames = {"n_embd", "n_inner", "n_layer", "n_head", "n_positions"};

absl::StatusOr<ModelConfig> ReadConfig(const Json& json) {
    DecoderConfig read(json, "GPT2LMHeadModel", "gpt2");
    read.ReadSizes(
        {.names = kNames, .positions = 1024, .most_positions = 1 << 20, .inner = 4, .tied = true});
    read.ReadNormEpsilon("layer_norm_epsilon", 1e-5);
    read.ReadActivation("activation_function", "gelu_new");
    read.RefuseFlag("scale_attn_by_inverse_layer_idx");
    read.RefuseFlag("add_cross_attention");
    if (!read.reader.Bool("scale_attn_weights", true)) read.config.attention_scale = 1;
    return read.Finish();
}

absl::StatusOr<Json> ConfigFromGguf(const Json& metadata) {
    GgufConfig config(metadata, "gpt2", "GPT2LMHeadModel", "gpt2");
    config.AddSizes();
    for (const auto& [ours, usual] : {std::pair(kNames.hidden, "hidden_size"),
                                      std::pair(kNames.intermediate, "intermediate_size"),
                                      std::pair(kNames.layers, "num_hidden_layers"),
                                      std::pair(kNames.heads, "num_attention_heads"),
                                      std::pair(kNames.positions, "max_position_embeddings")})
        config.json[std::string(ours)] = config.json[usual];
    config.Add("layer_norm_epsilon", "attention.layer_norm_epsilon", 0, 1);
    return config.Finish();
}

std::vector<TensorRow> Table() {
    const TensorTable::Linear linear{Always, TensorLayout::kTransposed};
    const TensorTable::Norm norm{.bias = true};
    const std::string layer = "transformer.h.{}.";
    TensorTable table;
    table.AddTokens("transformer.wte", "token_embd");
    table.AddPositions("transformer.wpe", "position_embd");
    table.AddNorm("layers.{}.attention_norm", layer + "ln_1", "blk.{}.attn_norm", norm);
    table.AddLinear("layers.{}.attention.qkv", layer + "attn.c_attn", "blk.{}.attn_qkv",
                    shapes::FusedQkv, linear);
    table.AddLinear("layers.{}.attention.o", layer + "attn.c_proj", "blk.{}.attn_output",
                    shapes::Output, linear);
    table.AddNorm("layers.{}.mlp_norm", layer + "ln_2", "blk.{}.ffn_norm", norm);
    table.AddLinear("layers.{}.mlp.up", layer + "mlp.c_fc", "blk.{}.ffn_up", shapes::Up, linear);
    table.AddLinear("layers.{}.mlp.down", layer + "mlp.c_proj", "blk.{}.ffn_down", shapes::Down,
                    linear);
    table.AddNorm("norm", "transformer.ln_f", "output_norm", norm);
    table.AddHead("lm_head", "output");
    return std::move(table.rows);
}

}  // namespace

extern const ArchSpec kArchGpt2;
const ArchSpec kArchGpt2 = {
    .model_type = "gpt2",
    .gguf_type = "gpt2",
    .architectures = {"GPT2LMHeadModel"},
    .tensors = Table(),
    .read_config = ReadConfig,
    .config_from_gguf = ConfigFromGguf,
    .lora_targets = {"c_attn"},
    .ia3_targets = {"c_attn", "mlp.c_proj"},
    .ia3_feedforward = {"mlp.c_proj"},
    .token_head = "classifier",
    .other_prefixes = {{"transformer.", ""}},
    .unused_tensors = {".attn.bias", ".attn.masked_bias"},
};

}  // namespace hone
