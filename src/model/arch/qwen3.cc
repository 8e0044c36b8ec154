// Qwen 3: Llama with a norm over each head's queries and keys; upper layers may have a window.
// Yang et al. 2025, arXiv:2505.09388; transformers, models/qwen3.
#include "model/config/arch.h"
#include "model/config/decoder_config.h"
#include "model/config/gguf_config.h"
#include "model/config/tensor_table.h"

namespace hone {
namespace {

using Json = nlohmann::ordered_json;

absl::StatusOr<ModelConfig> ReadConfig(const Json& json) {
    DecoderConfig read(json, "Qwen3ForCausalLM", "qwen3");
    read.ReadSizes({.positions = 32768, .head_dim = 128});
    read.ReadNormEpsilon("rms_norm_eps", 1e-6);
    read.ReadActivation("hidden_act", "silu");
    read.ReadRotary();
    read.ReadUpperWindows();
    read.config.attention_bias = read.config.attention_output_bias =
        read.reader.Bool("attention_bias", false);
    return read.Finish();
}

absl::StatusOr<Json> ConfigFromGguf(const Json& metadata) {
    GgufConfig config(metadata, "qwen3", "Qwen3ForCausalLM", "qwen3");
    config.AddSizes();
    config.AddRmsEpsilon();
    config.AddRotary();
    config.json["hidden_act"] = "silu";
    config.json["attention_bias"] = config.Holds("blk.0.attn_q.bias");
    return config.Finish();
}

}  // namespace

extern const ArchSpec kArchQwen3;
const ArchSpec kArchQwen3 = {
    .model_type = "qwen3",
    .gguf_type = "qwen3",
    .architectures = {"Qwen3ForCausalLM"},
    .tensors = DecoderTable({.head_norms = DecoderRows::HeadNorms::kEachHead}),
    .read_config = ReadConfig,
    .config_from_gguf = ConfigFromGguf,
    .ia3_targets = {"q_proj", "v_proj", "down_proj"},
};

}  // namespace hone
