#include "model/config/decoder_config.h"

#include <algorithm>

#include "base/limits.h"

namespace hone {
namespace {

using Json = nlohmann::ordered_json;

}  // namespace

void DecoderConfig::CheckHeads() {
    const int64_t heads = config.num_attention_heads;
    if (config.head_dim % 2 != 0 || config.head_dim < 2 || config.head_dim > 1024)
        reader.Fail(
            fmt::format("heads of {} elements; rotary positions need an even number from 2 to 1024",
                        config.head_dim));
    if (heads % config.num_key_value_heads != 0)
        reader.Fail(
            fmt::format("num_attention_heads {} is not a multiple of num_key_value_heads {}", heads,
                        config.num_key_value_heads));
}

void DecoderConfig::ReadSizes(const Sizes& defaults) {
    const SizeNames& names = defaults.names;
    config.vocab_size = reader.Int("vocab_size", 1, kMaxVocabulary);
    config.hidden_size = reader.Int(names.hidden, 1, 1 << 17);
    config.num_hidden_layers = reader.Int(names.layers, 1, 1024);
    config.num_attention_heads = reader.Int(names.heads, 1, 1024);
    config.num_key_value_heads =
        reader.Int("num_key_value_heads", 1, 1024, config.num_attention_heads);
    std::optional<int64_t> inner;
    if (defaults.inner > 0) inner = defaults.inner * config.hidden_size;
    config.intermediate_size = reader.Int(names.intermediate, 1, 1 << 20, inner);
    const int64_t heads = config.num_attention_heads;
    const bool divided = !reader.Find("head_dim") && defaults.head_dim == 0;
    if (divided && config.hidden_size % heads != 0)
        reader.Fail(fmt::format("{} {} is not a multiple of {} {}, and there is no head_dim",
                                names.hidden, config.hidden_size, names.heads, heads));
    config.head_dim =
        reader.Int("head_dim", 2, 1024, divided ? config.hidden_size / heads : defaults.head_dim);
    CheckHeads();
    config.max_position_embeddings =
        reader.Int(names.positions, 1, defaults.most_positions, defaults.positions);
    config.tie_word_embeddings = reader.Bool("tie_word_embeddings", defaults.tied);
    config.layers.resize(static_cast<size_t>(config.num_hidden_layers));
    if (const Json* quantization = reader.Find("quantization_config")) {
        std::string method = quantization->is_object() && quantization->contains("quant_method") &&
                                     (*quantization)["quant_method"].is_string()
                                 ? (*quantization)["quant_method"].get<std::string>()
                                 : "unknown method";
        reader.Fail(fmt::format(
            "the weights are quantized ({:.50}), which hone does not read; use the original model "
            "or a GGUF file",
            method));
    }
}

void DecoderConfig::ReadNormEpsilon(std::string_view key, double fallback) {
    config.norm_epsilon = static_cast<float>(reader.Number(key, 0, 1, fallback));
}

void DecoderConfig::ReadActivation(std::string_view key, std::string_view fallback) {
    const std::string name = reader.Text(key, std::string(fallback));
    if (name == "silu" || name == "swish")
        config.activation = ActivationKind::kSilu;
    else if (name == "gelu_pytorch_tanh" || name == "gelu_new" || name == "gelu_fast")
        config.activation = ActivationKind::kGeluTanh;
    else if (name == "gelu")
        config.activation = ActivationKind::kGelu;
    else if (name == "relu")
        config.activation = ActivationKind::kRelu;
    else
        reader.Fail(fmt::format(
            "{} \"{:.50}\"; hone knows silu, gelu, gelu_pytorch_tanh, gelu_new and relu", key,
            name));
}

void DecoderConfig::ReadWindows(int64_t window, const std::function<bool(int64_t)>& slides) {
    const Json* types = reader.Find("layer_types");
    if (types != nullptr && (!types->is_array() || types->size() != config.layers.size() ||
                             !std::all_of(types->begin(), types->end(), [](const Json& type) {
                                 return type == "full_attention" || type == "sliding_attention";
                             })))
        return reader.Fail(fmt::format(
            "\"layer_types\" is not a list of full_attention and sliding_attention, one for each "
            "of {} layers",
            config.layers.size()));
    for (size_t i = 0; i < config.layers.size(); ++i) {
        const bool slid =
            types != nullptr ? (*types)[i] == "sliding_attention" : slides(static_cast<int64_t>(i));
        if (!slid) continue;
        if (window == 0) return reader.Fail("layers of sliding_attention, but no sliding_window");
        config.layers[i].window = window;
    }
}

void DecoderConfig::ReadUpperWindows() {
    const bool used = reader.Bool("use_sliding_window", false);
    const int64_t window = reader.Int("sliding_window", 1, kMostPositions, 4096);
    const int64_t first = reader.Int("max_window_layers", 0, 1 << 20, 28);
    ReadWindows(used ? window : 0, [&](int64_t layer) { return used && layer >= first; });
}

void DecoderConfig::RefuseFlag(std::string_view key) {
    if (reader.Bool(key, false))
        reader.Fail(fmt::format("{} is true, which hone does not know", key));
}

absl::StatusOr<ModelConfig> DecoderConfig::Finish() {
    config.eos_token_ids = reader.TokenIds("eos_token_id");
    if (auto bos = reader.TokenIds("bos_token_id"); !bos.empty()) config.bos_token_id = bos[0];
    // Llama 3 and others write -1 for "no padding token".
    const Json* pad = reader.Find("pad_token_id");
    if (pad && *pad != -1)
        if (auto ids = reader.TokenIds("pad_token_id"); !ids.empty()) config.pad_token_id = ids[0];
    if (!reader.status().ok()) return reader.status();
    config.json = json_;
    return config;
}

}  // namespace hone
