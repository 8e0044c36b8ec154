// Granite 3 (dense): Llama with multipliers. IBM 2024; transformers, models/granite.
#include "model/config/arch.h"
#include "model/config/decoder_config.h"
#include "model/config/gguf_config.h"
#include "model/config/graph.h"
#include "model/config/tensor_table.h"

namespace hone {
namespace {

using Json = nlohmann::ordered_json;

absl::StatusOr<ModelConfig> ReadConfig(const Json& json) {
    DecoderConfig read(json, "GraniteForCausalLM", "granite");
    read.ReadSizes();
    read.ReadNormEpsilon("rms_norm_eps", 1e-6);
    read.ReadActivation("hidden_act", "silu");
    read.ReadRotary();
    ModelConfig& config = read.config;
    config.attention_bias = config.attention_output_bias =
        read.reader.Bool("attention_bias", false);
    config.mlp_bias = read.reader.Bool("mlp_bias", false);
    config.embedding_scale = read.Number("embedding_multiplier", 1e-6, 1e6, 1);
    config.attention_scale = read.Number("attention_multiplier", 1e-6, 1e6, 1);
    config.residual_scale = read.Number("residual_multiplier", 1e-6, 1e6, 1);
    config.logit_scale = 1 / read.Number("logits_scaling", 1e-6, 1e6, 1);
    return read.Finish();
}

void Wire(const ModelConfig&, ModelGraph& graph) { graph.embedding.scales_virtual_tokens = true; }

absl::StatusOr<Json> ConfigFromGguf(const Json& metadata) {
    GgufConfig config(metadata, "granite", "GraniteForCausalLM", "granite");
    config.AddSizes();
    config.AddRmsEpsilon();
    config.AddRotary();
    config.json["hidden_act"] = "silu";
    config.Add("embedding_multiplier", "embedding_scale", 0, 1e6, 1);
    config.Add("attention_multiplier", "attention.scale", 0, 1e6);
    config.Add("residual_multiplier", "residual_scale", 0, 1e6, 1);
    config.Add("logits_scaling", "logit_scale", 0, 1e6, 1);
    return config.Finish();
}

}  // namespace

extern const ArchSpec kArchGranite;
const ArchSpec kArchGranite = {
    .model_type = "granite",
    .gguf_type = "granite",
    .architectures = {"GraniteForCausalLM"},
    .tensors = DecoderTable({.gguf_rotary = TensorLayout::kRotaryPairs}),
    .read_config = ReadConfig,
    .config_from_gguf = ConfigFromGguf,
    .wire = Wire,
};

}  // namespace hone
