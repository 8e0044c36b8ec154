// OLMo 2: Llama with its norms behind attention and MLP, and norms over all queries and all keys of
// a token. OLMo et al. 2024, arXiv:2501.00656; transformers, models/olmo2.
#include "model/config/arch.h"
#include "model/config/decoder_config.h"
#include "model/config/gguf_config.h"
#include "model/config/tensor_table.h"

namespace hone {
namespace {

using Json = nlohmann::ordered_json;

absl::StatusOr<ModelConfig> ReadConfig(const Json& json) {
    DecoderConfig read(json, "Olmo2ForCausalLM", "olmo2");
    read.ReadSizes();
    read.ReadNormEpsilon("rms_norm_eps", 1e-5);
    read.ReadActivation("hidden_act", "silu");
    read.ReadRotary();
    read.config.attention_bias = read.config.attention_output_bias =
        read.reader.Bool("attention_bias", false);
    return read.Finish();
}

absl::StatusOr<Json> ConfigFromGguf(const Json& metadata) {
    GgufConfig config(metadata, "olmo2", "Olmo2ForCausalLM", "olmo2");
    config.AddSizes();
    config.AddRmsEpsilon();
    config.AddRotary();
    config.json["hidden_act"] = "silu";
    return config.Finish();
}

}  // namespace

extern const ArchSpec kArchOlmo2;
const ArchSpec kArchOlmo2 = {
    .model_type = "olmo2",
    .gguf_type = "olmo2",
    .architectures = {"Olmo2ForCausalLM"},
    .tensors = DecoderTable(
        {.norms = DecoderRows::Norms::kAfter, .head_norms = DecoderRows::HeadNorms::kAllHeads}),
    .read_config = ReadConfig,
    .config_from_gguf = ConfigFromGguf,
};

}  // namespace hone
