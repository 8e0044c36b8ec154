// Gemma 1: embeddings times sqrt(C), norms by 1 + weight, a gated GELU. Gemma Team 2024,
// arXiv:2403.08295; transformers, models/gemma.
#include <cmath>

#include "model/config/arch.h"
#include "model/config/decoder_config.h"
#include "model/config/decoder_graph.h"
#include "model/config/gguf_config.h"
#include "model/config/tensor_table.h"

namespace hone {
namespace {

using Json = nlohmann::ordered_json;

absl::StatusOr<ModelConfig> ReadConfig(const Json& json) {
    DecoderConfig read(json, "GemmaForCausalLM", "gemma");
    read.ReadSizes({.positions = 8192, .head_dim = 256, .tied = true});
    read.ReadNormEpsilon("rms_norm_eps", 1e-6);
    // The first releases say "gelu" under hidden_act, and mean the approximation too.
    if (read.reader.Text("hidden_act", "gelu") != "gelu")
        read.ReadActivation("hidden_act", "gelu_pytorch_tanh");
    else
        read.ReadActivation("hidden_activation", "gelu_pytorch_tanh");
    read.ReadRotary();
    read.RefuseFlag("use_bidirectional_attention");
    read.config.attention_bias = read.config.attention_output_bias =
        read.reader.Bool("attention_bias", false);
    read.config.embedding_scale = std::sqrt(static_cast<float>(read.config.hidden_size));
    return read.Finish();
}

absl::StatusOr<Json> ConfigFromGguf(const Json& metadata) {
    GgufConfig config(metadata, "gemma", "GemmaForCausalLM", "gemma");
    config.AddSizes();
    config.AddRmsEpsilon();
    config.AddRotary();
    return config.Finish();
}

}  // namespace

extern const ArchSpec kArchGemma;
const ArchSpec kArchGemma = {
    .model_type = "gemma",
    .gguf_type = "gemma",
    .architectures = {"GemmaForCausalLM"},
    .tensors = DecoderTable({.gguf_norms = TensorLayout::kPlusOne}),
    .read_config = ReadConfig,
    .config_from_gguf = ConfigFromGguf,
    .wire = WirePlusOneNorms,
    .ia3_targets = {"q_proj", "v_proj", "down_proj"},
};

}  // namespace hone
