// Llama and what shares its shape (Llama 1 to 3, SmolLM2, TinyLlama): pre-norm with RMSNorm, rotary
// positions, grouped queries, a gated SiLU MLP. Touvron et al. 2023, arXiv:2302.13971;
// transformers, models/llama.
#include "model/config/arch.h"
#include "model/config/decoder_config.h"
#include "model/config/gguf_config.h"
#include "model/config/tensor_table.h"

namespace hone {
namespace {

using Json = nlohmann::ordered_json;

absl::StatusOr<ModelConfig> ReadConfig(const Json& json) {
    DecoderConfig read(json, "LlamaForCausalLM", "llama");
    read.ReadSizes();
    read.ReadNormEpsilon("rms_norm_eps", 1e-6);
    read.ReadActivation("hidden_act", "silu");
    read.ReadRotary();
    read.RefuseFlag("rope_interleaved");
    read.config.attention_bias = read.config.attention_output_bias =
        read.reader.Bool("attention_bias", false);
    read.config.mlp_bias = read.reader.Bool("mlp_bias", false);
    return read.Finish();
}

absl::StatusOr<Json> ConfigFromGguf(const Json& metadata) {
    // GGUF has no other name for Mistral, which is a Llama with a window.
    const auto window = metadata.find("llama.attention.sliding_window");
    const bool mistral = window != metadata.end() && *window != 0;
    GgufConfig config(metadata, "llama", mistral ? "MistralForCausalLM" : "LlamaForCausalLM",
                      mistral ? "mistral" : "llama");
    config.AddSizes();
    config.AddRmsEpsilon();
    config.AddRotary();
    if (mistral) config.AddWindow();
    config.json["hidden_act"] = "silu";
    config.json["attention_bias"] = config.Holds("blk.0.attn_q.bias");
    config.json["mlp_bias"] = config.Holds("blk.0.ffn_gate.bias");
    return config.Finish();
}

}  // namespace

extern const ArchSpec kArchLlama;
const ArchSpec kArchLlama = {
    .model_type = "llama",
    .gguf_type = "llama",
    .architectures = {"LlamaForCausalLM"},
    .tensors = DecoderTable({.gguf_rotary = TensorLayout::kRotaryPairs}),
    .read_config = ReadConfig,
    .config_from_gguf = ConfigFromGguf,
};

}  // namespace hone
