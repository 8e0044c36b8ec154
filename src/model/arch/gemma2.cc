// Gemma 2: norms before and behind attention and MLP, soft caps, a window in every second layer.
// Gemma Team 2024, arXiv:2408.00118; transformers, models/gemma2.
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
    DecoderConfig read(json, "Gemma2ForCausalLM", "gemma2");
    read.ReadSizes({.positions = 8192, .head_dim = 256, .tied = true});
    read.ReadNormEpsilon("rms_norm_eps", 1e-6);
    read.ReadActivation("hidden_activation", "gelu_pytorch_tanh");
    read.ReadRotary();
    read.RefuseFlag("use_bidirectional_attention");
    ModelConfig& config = read.config;
    config.attention_bias = config.attention_output_bias =
        read.reader.Bool("attention_bias", false);
    read.ReadWindows(read.reader.Int("sliding_window", 1, 1 << 24, 4096),
                     [](int64_t layer) { return layer % 2 == 0; });
    // null: none.
    const auto cap = [&](const char* key, double usual) {
        const bool none = json.contains(key) && json[key].is_null();
        return none ? 0 : read.Number(key, 1e-3, 1e6, usual);
    };
    config.attention_soft_cap = cap("attn_logit_softcapping", 50);
    config.final_soft_cap = cap("final_logit_softcapping", 30);
    config.attention_scale = 1 / std::sqrt(read.Number("query_pre_attn_scalar", 1e-3, 1e6, 256));
    config.embedding_scale = std::sqrt(static_cast<float>(config.hidden_size));
    return read.Finish();
}

absl::StatusOr<Json> ConfigFromGguf(const Json& metadata) {
    GgufConfig config(metadata, "gemma2", "Gemma2ForCausalLM", "gemma2");
    config.AddSizes();
    config.AddRmsEpsilon();
    config.AddRotary();
    config.AddWindow();
    config.Add("attn_logit_softcapping", "attn_logit_softcapping", 0, 1e6, 50);
    config.Add("final_logit_softcapping", "final_logit_softcapping", 0, 1e6, 30);
    config.AddQueryScalar(46);
    return config.Finish();
}

}  // namespace

extern const ArchSpec kArchGemma2;
const ArchSpec kArchGemma2 = {
    .model_type = "gemma2",
    .gguf_type = "gemma2",
    .architectures = {"Gemma2ForCausalLM"},
    .tensors = DecoderTable(
        {.norms = DecoderRows::Norms::kBeforeAndAfter, .gguf_norms = TensorLayout::kPlusOne}),
    .read_config = ReadConfig,
    .config_from_gguf = ConfigFromGguf,
    .wire = WirePlusOneNorms,
    .ia3_targets = {"q_proj", "v_proj", "down_proj"},
};

}  // namespace hone
