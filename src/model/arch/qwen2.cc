// Qwen 2 and 2.5: Llama with a bias on queries, keys and values; upper layers may have a window.
// Yang et al. 2024, arXiv:2407.10671; transformers, models/qwen2.
#include "model/config/arch.h"
#include "model/config/decoder_config.h"
#include "model/config/gguf_config.h"
#include "model/config/tensor_table.h"

namespace hone {
namespace {

using Json = nlohmann::ordered_json;

absl::StatusOr<ModelConfig> ReadConfig(const Json& json) {
    DecoderConfig read(json, "Qwen2ForCausalLM", "qwen2");
    read.ReadSizes({.positions = 32768});
    read.ReadNormEpsilon("rms_norm_eps", 1e-6);
    read.ReadActivation("hidden_act", "silu");
    read.ReadRotary();
    read.ReadUpperWindows();
    read.config.attention_bias = true;
    return read.Finish();
}

absl::StatusOr<Json> ConfigFromGguf(const Json& metadata) {
    GgufConfig config(metadata, "qwen2", "Qwen2ForCausalLM", "qwen2");
    config.AddSizes();
    config.AddRmsEpsilon();
    config.AddRotary();
    config.json["hidden_act"] = "silu";
    return config.Finish();
}

}  // namespace

extern const ArchSpec kArchQwen2;
const ArchSpec kArchQwen2 = {
    .model_type = "qwen2",
    .gguf_type = "qwen2",
    .architectures = {"Qwen2ForCausalLM"},
    .tensors = DecoderTable({}),
    .read_config = ReadConfig,
    .config_from_gguf = ConfigFromGguf,
    .ia3_targets = {"q_proj", "v_proj", "down_proj"},
};

}  // namespace hone
