// Phi 3, 3.5 and 4 mini: Llama with fused linears, and rotary positions that have other divisors in
// long sequences. Abdin et al. 2024, arXiv:2404.14219; transformers, models/phi3.
#include "model/config/arch.h"
#include "model/config/decoder_config.h"
#include "model/config/gguf_config.h"
#include "model/config/tensor_table.h"

namespace hone {
namespace {

using Json = nlohmann::ordered_json;

absl::StatusOr<ModelConfig> ReadConfig(const Json& json) {
    DecoderConfig read(json, "Phi3ForCausalLM", "phi3");
    read.ReadSizes({.positions = 4096});
    read.ReadNormEpsilon("rms_norm_eps", 1e-5);
    read.ReadActivation("hidden_act", "silu");
    read.ReadRotary({.takes_partial = true});
    const int64_t window = read.reader.Int("sliding_window", 0, 1 << 24, 0);
    read.ReadWindows(window, [&](int64_t) { return window > 0; });
    return read.Finish();
}

absl::StatusOr<Json> ConfigFromGguf(const Json& metadata) {
    GgufConfig config(metadata, "phi3", "Phi3ForCausalLM", "phi3");
    config.AddSizes();
    config.AddRmsEpsilon();
    config.AddRotary(/*takes_partial=*/true);
    config.AddWindow();
    config.json["hidden_act"] = "silu";
    const Json* near = config.reader.Find("rope_factors_short");
    const Json* far = config.reader.Find("rope_factors_long");
    if (near != nullptr && far != nullptr) {
        config.json["original_max_position_embeddings"] =
            config.Number("rope.scaling.original_context_length");
        Json& scaling = config.json["rope_scaling"];
        scaling = {{"type", "longrope"}, {"short_factor", *near}, {"long_factor", *far}};
        if (config.reader.Find(config.Key("rope.scaling.attn_factor")))
            scaling["attention_factor"] =
                config.reader.Number(config.Key("rope.scaling.attn_factor"), 1e-3, 1e6);
    }
    return config.Finish();
}

}  // namespace

extern const ArchSpec kArchPhi3;
const ArchSpec kArchPhi3 = {
    .model_type = "phi3",
    .gguf_type = "phi3",
    .architectures = {"Phi3ForCausalLM"},
    .tensors = DecoderTable({.fused = true}),
    .read_config = ReadConfig,
    .config_from_gguf = ConfigFromGguf,
    .lora_targets = {"qkv_proj"},
    .ia3_targets = {"qkv_proj", "down_proj"},
};

}  // namespace hone
