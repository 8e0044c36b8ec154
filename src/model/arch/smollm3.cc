// SmolLM3: Llama, of which every fourth layer has no rotary positions. Bakouch et al. 2025;
// transformers, models/smollm3.
#include "model/config/arch.h"
#include "model/config/decoder_config.h"
#include "model/config/gguf_config.h"
#include "model/config/tensor_table.h"

namespace hone {
namespace {

using Json = nlohmann::ordered_json;

absl::StatusOr<ModelConfig> ReadConfig(const Json& json) {
    DecoderConfig read(json, "SmolLM3ForCausalLM", "smollm3");
    read.ReadSizes({.positions = 32768, .tied = true});
    read.ReadNormEpsilon("rms_norm_eps", 1e-6);
    read.ReadActivation("hidden_act", "silu");
    read.ReadRotary({.theta = 2000000});
    read.RefuseFlag("use_sliding_window");
    read.config.attention_bias = read.config.attention_output_bias =
        read.reader.Bool("attention_bias", false);
    read.config.mlp_bias = read.reader.Bool("mlp_bias", false);
    // A 1 for each layer that has rotary positions, whatever the name says.
    const Json* rotary = read.reader.Find("no_rope_layers");
    const int64_t interval = read.reader.Int("no_rope_layer_interval", 1, 1024, 4);
    const size_t layers = read.config.layers.size();
    if (rotary != nullptr && (!rotary->is_array() || rotary->size() < layers))
        read.reader.Fail(fmt::format("\"no_rope_layers\" is not a list of {} numbers", layers));
    if (!read.reader.status().ok()) return read.reader.status();
    for (size_t i = 0; i < layers; ++i) {
        const bool turns =
            rotary != nullptr ? (*rotary)[i] == 1 : static_cast<int64_t>(i + 1) % interval != 0;
        if (!turns) read.config.layers[i].rotary = -1;
    }
    return read.Finish();
}

absl::StatusOr<Json> ConfigFromGguf(const Json& metadata) {
    GgufConfig config(metadata, "smollm3", "SmolLM3ForCausalLM", "smollm3");
    config.AddSizes();
    config.AddRmsEpsilon();
    config.AddRotary();
    config.json["hidden_act"] = "silu";
    config.json["no_rope_layer_interval"] = 4;  // llama.cpp's own number
    return config.Finish();
}

}  // namespace

extern const ArchSpec kArchSmollm3;
const ArchSpec kArchSmollm3 = {
    .model_type = "smollm3",
    .gguf_type = "smollm3",
    .architectures = {"SmolLM3ForCausalLM"},
    .tensors = DecoderTable({.gguf_rotary = TensorLayout::kRotaryPairs}),
    .read_config = ReadConfig,
    .config_from_gguf = ConfigFromGguf,
};

}  // namespace hone
