// Gemma 3, and the text part of its models of text and images: Gemma 2 without caps, a norm over
// each head's queries and keys, and five layers with a window and short rotary positions for each
// one without. Gemma Team 2025, arXiv:2503.19786; transformers, models/gemma3.
#include <cmath>

#include "model/config/arch.h"
#include "model/config/decoder_config.h"
#include "model/config/decoder_graph.h"
#include "model/config/gguf_config.h"
#include "model/config/tensor_table.h"

namespace hone {
namespace {

using Json = nlohmann::ordered_json;

// The text part says all, and a model that was trained is one of text alone.
Json TextConfig(const Json& json) {
    const auto part = json.find("text_config");
    if (part == json.end() || !part->is_object()) return json;
    Json text = *part;
    for (const char* key : {"bos_token_id", "eos_token_id", "pad_token_id"})
        if (!text.contains(key) && json.contains(key)) text[key] = json[key];
    // What such a file leaves out where it is as in the model of 4 billion parameters.
    for (const auto& [key, usual] :
         {std::pair("vocab_size", 262208), std::pair("num_attention_heads", 8),
          std::pair("num_key_value_heads", 4)})
        text.emplace(key, usual);
    text["architectures"] = {"Gemma3ForCausalLM"};
    text["model_type"] = "gemma3_text";
    return text;
}

absl::StatusOr<ModelConfig> ReadConfig(const Json& json) {
    const Json text = TextConfig(json);
    DecoderConfig read(text, "Gemma3ForCausalLM", "gemma3_text");
    ModelConfig& config = read.config;
    read.ReadSizes({.positions = 131072, .head_dim = 256, .tied = true});
    read.ReadNormEpsilon("rms_norm_eps", 1e-6);
    read.ReadActivation("hidden_activation", "gelu_pytorch_tanh");
    read.ReadRotary({.theta = 1000000, .layer_type = "full_attention"});
    read.ReadRotary({.theta = 10000,
                     .layer_type = "sliding_attention",
                     .theta_key = "rope_local_base_freq",
                     .scaled = false});
    read.RefuseFlag("use_bidirectional_attention");
    config.attention_bias = config.attention_output_bias =
        read.reader.Bool("attention_bias", false);
    const int64_t pattern = read.reader.Int("sliding_window_pattern", 1, 1024, 6);
    read.ReadWindows(read.reader.Int("sliding_window", 1, 1 << 24, 4096),
                     [&](int64_t layer) { return (layer + 1) % pattern != 0; });
    for (LayerConfig& layer : config.layers) layer.rotary = layer.window > 0 ? 1 : 0;
    config.attention_soft_cap = read.Number("attn_logit_softcapping", 0, 1e6, 0);
    config.final_soft_cap = read.Number("final_logit_softcapping", 0, 1e6, 0);
    config.attention_scale = 1 / std::sqrt(read.Number("query_pre_attn_scalar", 1e-3, 1e6, 256));
    config.embedding_scale = std::sqrt(static_cast<float>(config.hidden_size));
    return read.Finish();
}

absl::StatusOr<Json> ConfigFromGguf(const Json& metadata) {
    GgufConfig config(metadata, "gemma3", "Gemma3ForCausalLM", "gemma3_text");
    config.AddSizes();
    config.AddRmsEpsilon();
    config.AddRotary();
    config.AddWindow();
    config.Add("rope_local_base_freq", "rope.local.freq_base", 1, 1e12, 10000);
    config.AddQueryScalar(62);
    return config.Finish();
}

}  // namespace

extern const ArchSpec kArchGemma3;
const ArchSpec kArchGemma3 = {
    .model_type = "gemma3_text",
    .gguf_type = "gemma3",
    .architectures = {"Gemma3ForCausalLM", "Gemma3ForConditionalGeneration"},
    .tensors = DecoderTable({.norms = DecoderRows::Norms::kBeforeAndAfter,
                             .head_norms = DecoderRows::HeadNorms::kEachHead,
                             .gguf_norms = TensorLayout::kPlusOne}),
    .read_config = ReadConfig,
    .config_from_gguf = ConfigFromGguf,
    .wire = WirePlusOneNorms,
    .ia3_targets = {"q_proj", "v_proj", "down_proj"},
    .label_class = "Gemma3Text",
    .other_prefixes = {{"model.", "language_model.model."},
                       {"model.", "model.language_model."},
                       {"lm_head.", "language_model.lm_head."}},
    .unused_tensors = {"vision_tower.", "multi_modal_projector."},
};

}  // namespace hone
