// Phi 1, 1.5 and 2: attention and MLP side by side behind one layer norm, rotary positions for a
// part of each head, biases everywhere. Li et al. 2023, arXiv:2309.05463; transformers, models/phi.
#include "model/config/arch.h"
#include "model/config/decoder_config.h"
#include "model/config/decoder_graph.h"
#include "model/config/gguf_config.h"
#include "model/config/tensor_table.h"

namespace hone {
namespace {

using Json = nlohmann::ordered_json;

absl::StatusOr<ModelConfig> ReadConfig(const Json& json) {
    DecoderConfig read(json, "PhiForCausalLM", "phi");
    read.ReadSizes({.positions = 2048});
    read.ReadNormEpsilon("layer_norm_eps", 1e-5);
    read.ReadActivation("hidden_act", "gelu_new");
    read.ReadRotary({.partial = 0.5, .takes_partial = true});
    read.RefuseFlag("qk_layernorm");
    read.config.attention_bias = read.config.attention_output_bias = true;
    return read.Finish();
}

absl::StatusOr<Json> ConfigFromGguf(const Json& metadata) {
    GgufConfig config(metadata, "phi2", "PhiForCausalLM", "phi");
    config.AddSizes();
    config.Add("layer_norm_eps", "attention.layer_norm_epsilon", 0, 1);
    config.AddRotary(/*takes_partial=*/true);
    return config.Finish();
}

std::vector<TensorRow> Table() {
    const TensorTable::Linear linear{Always};
    const TensorTable::Norm norm{.bias = true};
    const std::string layer = "model.layers.{}.";
    TensorTable table;
    table.AddTokens("model.embed_tokens", "token_embd");
    table.AddNorm("layers.{}.attention_norm", layer + "input_layernorm", "blk.{}.attn_norm", norm);
    table.AddLinear("layers.{}.attention.q", layer + "self_attn.q_proj", "blk.{}.attn_q",
                    shapes::Query, linear);
    table.AddLinear("layers.{}.attention.k", layer + "self_attn.k_proj", "blk.{}.attn_k",
                    shapes::KeyValue, linear);
    table.AddLinear("layers.{}.attention.v", layer + "self_attn.v_proj", "blk.{}.attn_v",
                    shapes::KeyValue, linear);
    table.AddLinear("layers.{}.attention.o", layer + "self_attn.dense", "blk.{}.attn_output",
                    shapes::Output, linear);
    table.AddLinear("layers.{}.mlp.up", layer + "mlp.fc1", "blk.{}.ffn_up", shapes::Up, linear);
    table.AddLinear("layers.{}.mlp.down", layer + "mlp.fc2", "blk.{}.ffn_down", shapes::Down,
                    linear);
    table.AddNorm("norm", "model.final_layernorm", "output_norm", norm);
    table.AddHead("lm_head", "output", Always);
    return std::move(table.rows);
}

void Wire(const ModelConfig&, ModelGraph& graph) {
    for (LayerSpec& layer : graph.layers) layer.parallel = true;
}

}  // namespace

extern const ArchSpec kArchPhi;
const ArchSpec kArchPhi = {
    .model_type = "phi",
    .gguf_type = "phi2",
    .architectures = {"PhiForCausalLM"},
    .tensors = Table(),
    .read_config = ReadConfig,
    .config_from_gguf = ConfigFromGguf,
    .wire = Wire,
    .lora_targets = {"q_proj", "v_proj", "fc1", "fc2"},
    .ia3_targets = {"q_proj", "v_proj", "fc2"},
    .ia3_feedforward = {"fc2"},
    .gguf_fused = {{"blk.{}.attn_qkv", {"blk.{}.attn_q", "blk.{}.attn_k", "blk.{}.attn_v"}}},
};

}  // namespace hone
