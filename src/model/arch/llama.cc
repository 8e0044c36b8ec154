// Llama and what shares its shape (Llama 1 to 3, SmolLM2, TinyLlama): pre-norm with RMSNorm, rotary
// positions, grouped queries, a gated SiLU MLP. Touvron et al. 2023, arXiv:2302.13971;
// transformers, models/llama.
#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/limits.h"
#include "model/config/arch.h"
#include "model/config/config_reader.h"
#include "model/config/graph.h"

namespace hone {

void WireLlama(const ModelConfig& config, ModelGraph& graph) {
    graph.embedding = "embedding";
    for (int64_t i = 0; i < config.num_hidden_layers; ++i) {
        const std::string layer = "layers." + std::to_string(i);
        auto linear = [&](std::string_view name, bool bias) {
            const std::string full = layer + std::string(name);
            return LinearSpec{full, bias ? full + ".bias" : ""};
        };
        const bool bias = config.attention_bias;
        graph.layers.push_back(
            {.attention = {.norm = layer + ".attention_norm",
                           .q = linear(".attention.q", bias),
                           .k = linear(".attention.k", bias),
                           .v = linear(".attention.v", bias),
                           .o = linear(".attention.o", bias),
                           .H = config.num_attention_heads,
                           .KV = config.num_key_value_heads,
                           .D = config.head_dim,
                           .scale = 1.0f / std::sqrt(static_cast<float>(config.head_dim))},
             .mlp = {.norm = layer + ".mlp_norm",
                     .gate = linear(".mlp.gate", config.mlp_bias),
                     .up = linear(".mlp.up", config.mlp_bias),
                     .down = linear(".mlp.down", config.mlp_bias),
                     .F = config.intermediate_size}});
    }
    graph.final_norm = "norm";
    graph.head = {config.tie_word_embeddings ? "embedding" : "head", ""};
    graph.head_module = "lm_head";
}

namespace {

using Shape = std::vector<int64_t>;
using Json = nlohmann::ordered_json;

Shape Embedding(const ModelConfig& c) { return {c.vocab_size, c.hidden_size}; }
Shape Hidden(const ModelConfig& c) { return {c.hidden_size}; }
Shape Query(const ModelConfig& c) { return {c.num_attention_heads * c.head_dim, c.hidden_size}; }
Shape KeyValue(const ModelConfig& c) { return {c.num_key_value_heads * c.head_dim, c.hidden_size}; }
Shape Output(const ModelConfig& c) { return {c.hidden_size, c.num_attention_heads * c.head_dim}; }
Shape Up(const ModelConfig& c) { return {c.intermediate_size, c.hidden_size}; }
Shape Down(const ModelConfig& c) { return {c.hidden_size, c.intermediate_size}; }
Shape QueryBias(const ModelConfig& c) { return {c.num_attention_heads * c.head_dim}; }
Shape KeyValueBias(const ModelConfig& c) { return {c.num_key_value_heads * c.head_dim}; }
Shape UpBias(const ModelConfig& c) { return {c.intermediate_size}; }

bool AttentionBias(const ModelConfig& c) { return c.attention_bias; }
bool MlpBias(const ModelConfig& c) { return c.mlp_bias; }
bool Untied(const ModelConfig& c) { return !c.tie_word_embeddings; }

constexpr auto kNorm = TensorRole::kNorm;
constexpr auto kLinear = TensorRole::kLinear;
constexpr auto kBias = TensorRole::kLinearBias;

std::vector<TensorRow> Table() {
    return {
        {"embedding", "model.embed_tokens.weight", "token_embd.weight", TensorRole::kEmbedding,
         Embedding},
        {"layers.{}.attention_norm", "model.layers.{}.input_layernorm.weight",
         "blk.{}.attn_norm.weight", kNorm, Hidden},
        {"layers.{}.attention.q", "model.layers.{}.self_attn.q_proj.weight", "blk.{}.attn_q.weight",
         kLinear, Query, nullptr, true},
        {"layers.{}.attention.q.bias", "model.layers.{}.self_attn.q_proj.bias",
         "blk.{}.attn_q.bias", kBias, QueryBias, AttentionBias, true},
        {"layers.{}.attention.k", "model.layers.{}.self_attn.k_proj.weight", "blk.{}.attn_k.weight",
         kLinear, KeyValue, nullptr, true},
        {"layers.{}.attention.k.bias", "model.layers.{}.self_attn.k_proj.bias",
         "blk.{}.attn_k.bias", kBias, KeyValueBias, AttentionBias, true},
        {"layers.{}.attention.v", "model.layers.{}.self_attn.v_proj.weight", "blk.{}.attn_v.weight",
         kLinear, KeyValue},
        {"layers.{}.attention.v.bias", "model.layers.{}.self_attn.v_proj.bias",
         "blk.{}.attn_v.bias", kBias, KeyValueBias, AttentionBias},
        {"layers.{}.attention.o", "model.layers.{}.self_attn.o_proj.weight",
         "blk.{}.attn_output.weight", kLinear, Output},
        {"layers.{}.attention.o.bias", "model.layers.{}.self_attn.o_proj.bias",
         "blk.{}.attn_output.bias", kBias, Hidden, AttentionBias},
        {"layers.{}.mlp_norm", "model.layers.{}.post_attention_layernorm.weight",
         "blk.{}.ffn_norm.weight", kNorm, Hidden},
        {"layers.{}.mlp.gate", "model.layers.{}.mlp.gate_proj.weight", "blk.{}.ffn_gate.weight",
         kLinear, Up},
        {"layers.{}.mlp.gate.bias", "model.layers.{}.mlp.gate_proj.bias", "blk.{}.ffn_gate.bias",
         kBias, UpBias, MlpBias},
        {"layers.{}.mlp.up", "model.layers.{}.mlp.up_proj.weight", "blk.{}.ffn_up.weight", kLinear,
         Up},
        {"layers.{}.mlp.up.bias", "model.layers.{}.mlp.up_proj.bias", "blk.{}.ffn_up.bias", kBias,
         UpBias, MlpBias},
        {"layers.{}.mlp.down", "model.layers.{}.mlp.down_proj.weight", "blk.{}.ffn_down.weight",
         kLinear, Down},
        {"layers.{}.mlp.down.bias", "model.layers.{}.mlp.down_proj.bias", "blk.{}.ffn_down.bias",
         kBias, Hidden, MlpBias},
        {"norm", "model.norm.weight", "output_norm.weight", kNorm, Hidden},
        {"head", "lm_head.weight", "output.weight", TensorRole::kHead, Embedding, Untied},
    };
}

// `json` is config.json's "rope_scaling", or "rope_parameters" as transformers 5 writes it.
void ReadRopeScaling(const Json& json, ModelConfig& config, ConfigReader& outer) {
    if (!json.is_object()) return outer.Fail("the rope scaling is not an object");
    ConfigReader reader(json, "rope scaling");
    std::string type = reader.Text("rope_type", reader.Text("type", "default"));
    RopeScaling& scaling = config.rope_scaling;
    if (type == "linear") {
        scaling.kind = RopeScaling::Kind::kLinear;
        scaling.factor = static_cast<float>(reader.Number("factor", 1, 1e6));
    } else if (type == "llama3") {
        scaling.kind = RopeScaling::Kind::kLlama3;
        scaling.factor = static_cast<float>(reader.Number("factor", 1, 1e6));
        scaling.low_freq_factor = static_cast<float>(reader.Number("low_freq_factor", 1e-3, 1e6));
        scaling.high_freq_factor = static_cast<float>(reader.Number("high_freq_factor", 1e-3, 1e6));
        scaling.original_max_position_embeddings =
            reader.Int("original_max_position_embeddings", 1, int64_t{1} << 24);
        if (reader.status().ok() && scaling.low_freq_factor >= scaling.high_freq_factor)
            reader.Fail(fmt::format("low_freq_factor {} is not below high_freq_factor {}",
                                    scaling.low_freq_factor, scaling.high_freq_factor));
    } else if (type != "default" && type != "none") {
        reader.Fail(fmt::format(
            "hone does not know the type \"{:.50}\"; it knows default, linear and llama3", type));
    }
    if (double partial = reader.Number("partial_rotary_factor", 0, 1, 1); partial != 1)
        reader.Fail(
            fmt::format("partial_rotary_factor {}: Llama models rotate whole heads", partial));
    if (!reader.status().ok()) outer.Fail(std::string(reader.status().message()));
}

void ReadRope(const Json& json, ModelConfig& config, ConfigReader& reader) {
    constexpr double kLowTheta = 1, kHighTheta = 1e12;
    std::optional<double> theta;
    if (reader.Find("rope_theta")) theta = reader.Number("rope_theta", kLowTheta, kHighTheta);
    const Json* parameters = reader.Find("rope_parameters");
    const Json* scaling = reader.Find("rope_scaling");
    if (parameters) {
        if (!parameters->is_object()) return reader.Fail("\"rope_parameters\" is not an object");
        ConfigReader inner(*parameters, "rope_parameters");
        if (inner.Find("rope_theta")) {
            double value = inner.Number("rope_theta", kLowTheta, kHighTheta);
            if (theta && *theta != value)
                inner.Fail(fmt::format("rope_theta is {} here, but {} outside", value, *theta));
            theta = value;
        }
        if (!inner.status().ok()) return reader.Fail(std::string(inner.status().message()));
    }
    config.rope_theta = static_cast<float>(theta.value_or(10000.0));
    if (parameters)
        ReadRopeScaling(*parameters, config, reader);
    else if (scaling)
        ReadRopeScaling(*scaling, config, reader);
}

// What would change the model's mathematics in a way that the blocks here do not know.
void RefuseUnknown(ConfigReader& reader) {
    if (std::string act = reader.Text("hidden_act", "silu"); act != "silu")
        reader.Fail(fmt::format("hidden_act \"{:.50}\"; Llama models use silu", act));
    if (reader.Bool("rope_interleaved", false))
        reader.Fail("rope_interleaved is true, which hone does not know");
    if (double partial = reader.Number("partial_rotary_factor", 0, 1, 1); partial != 1)
        reader.Fail(
            fmt::format("partial_rotary_factor {}: Llama models rotate whole heads", partial));
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

absl::StatusOr<ModelConfig> ReadConfig(const Json& json) {
    ConfigReader reader(json, "config.json");
    ModelConfig config;
    config.architecture = "LlamaForCausalLM";
    config.model_type = "llama";
    config.vocab_size = reader.Int("vocab_size", 1, kMaxVocabulary);
    config.hidden_size = reader.Int("hidden_size", 1, 1 << 17);
    config.intermediate_size = reader.Int("intermediate_size", 1, 1 << 20);
    config.num_hidden_layers = reader.Int("num_hidden_layers", 1, 1024);
    config.num_attention_heads = reader.Int("num_attention_heads", 1, 1024);
    config.num_key_value_heads =
        reader.Int("num_key_value_heads", 1, 1024, config.num_attention_heads);
    if (!reader.Find("head_dim") && config.hidden_size % config.num_attention_heads != 0)
        reader.Fail(fmt::format(
            "hidden_size {} is not a multiple of num_attention_heads {}, and there is no head_dim",
            config.hidden_size, config.num_attention_heads));
    config.head_dim =
        reader.Int("head_dim", 2, 1024, config.hidden_size / config.num_attention_heads);
    if (config.head_dim % 2 != 0 || config.head_dim < 2 || config.head_dim > 1024)
        reader.Fail(
            fmt::format("heads of {} elements; rotary positions need an even number from 2 to 1024",
                        config.head_dim));
    if (config.num_attention_heads % config.num_key_value_heads != 0)
        reader.Fail(
            fmt::format("num_attention_heads {} is not a multiple of num_key_value_heads {}",
                        config.num_attention_heads, config.num_key_value_heads));
    config.max_position_embeddings = reader.Int("max_position_embeddings", 1, 1 << 24, 2048);
    config.rms_norm_eps = static_cast<float>(reader.Number("rms_norm_eps", 0, 1, 1e-6));
    config.tie_word_embeddings = reader.Bool("tie_word_embeddings", false);
    config.attention_bias = reader.Bool("attention_bias", false);
    config.mlp_bias = reader.Bool("mlp_bias", false);
    ReadRope(json, config, reader);
    RefuseUnknown(reader);
    config.eos_token_ids = reader.TokenIds("eos_token_id");
    if (auto bos = reader.TokenIds("bos_token_id"); !bos.empty()) config.bos_token_id = bos[0];
    // Llama 3 and others write -1 for "no padding token".
    const Json* pad = reader.Find("pad_token_id");
    if (pad && *pad != -1)
        if (auto ids = reader.TokenIds("pad_token_id"); !ids.empty()) config.pad_token_id = ids[0];
    if (!reader.status().ok()) return reader.status();
    config.json = json;
    return config;
}

// What each frequency is divided by under "llama3" scaling, as llama.cpp's converter stores it in
// rope_freqs.weight.
double Llama3Divisor(const RopeScaling& scaling, double theta, int64_t head_dim, int64_t index) {
    double frequency =
        std::pow(theta, -2.0 * static_cast<double>(index) / static_cast<double>(head_dim));
    double wavelength = 2 * std::numbers::pi / frequency;
    auto original = static_cast<double>(scaling.original_max_position_embeddings);
    if (wavelength < original / scaling.high_freq_factor) return 1;
    if (wavelength > original / scaling.low_freq_factor) return scaling.factor;
    double smooth = (original / wavelength - scaling.low_freq_factor) /
                    (scaling.high_freq_factor - scaling.low_freq_factor);
    return 1 / ((1 - smooth) / scaling.factor + smooth);
}

// GGUF keeps Llama 3's scaling only as the divisors that follow from it. Every published model has
// the factors 1 and 4 over 8192 tokens, so the largest divisor says the rest; divisors that do not
// follow are refused.
absl::StatusOr<Json> ScalingFromDivisors(const Json& divisors, double theta, int64_t head_dim) {
    if (static_cast<int64_t>(divisors.size()) != head_dim / 2)
        return ModelError("rope_freqs.weight has {} values; heads of {} elements need {}",
                          divisors.size(), head_dim, head_dim / 2);
    double largest = 1;
    for (const auto& value : divisors) largest = std::max(largest, value.get<double>());
    RopeScaling scaling{RopeScaling::Kind::kLlama3, static_cast<float>(largest), 1, 4, 8192};
    bool plain = true;
    for (int64_t i = 0; i < head_dim / 2; ++i) {
        double value = divisors[static_cast<size_t>(i)].get<double>();
        plain = plain && value == 1;
        double expected = Llama3Divisor(scaling, theta, head_dim, i);
        if (!(std::abs(value - expected) <= 1e-3 * expected))
            return ModelError(
                "rope_freqs.weight is not what Llama 3's rope scaling gives (value {} is {}, "
                "expected {}); "
                "use the model's safetensors",
                i, value, expected);
    }
    if (plain) return Json(nullptr);
    return Json{{"rope_type", "llama3"},
                {"factor", largest},
                {"low_freq_factor", 1.0},
                {"high_freq_factor", 4.0},
                {"original_max_position_embeddings", 8192}};
}

absl::StatusOr<Json> RopeScalingFromGguf(const Json& metadata, double theta, int64_t head_dim) {
    ConfigReader reader(metadata, "GGUF metadata");
    std::string type = reader.Text("llama.rope.scaling.type", "none");
    double factor = reader.Number("llama.rope.scaling.factor", 1, 1e6,
                                  reader.Number("llama.rope.scale_linear", 1, 1e6, 1));
    HONE_RETURN_IF_ERROR(reader.status());
    if (const Json* divisors = reader.Find("rope_freqs"))
        return ScalingFromDivisors(*divisors, theta, head_dim);
    if (type == "linear" ||
        (type == "none" && factor != 1 && reader.Find("llama.rope.scale_linear")))
        return Json{{"rope_type", "linear"}, {"factor", factor}};
    if (type == "none") return Json(nullptr);
    return ModelError("llama.rope.scaling.type is \"{:.50}\"; hone knows none and linear", type);
}

absl::StatusOr<Json> ConfigFromGguf(const Json& metadata) {
    ConfigReader reader(metadata, "GGUF metadata");
    constexpr int64_t kAny = int64_t{1} << 40;  // the limits are ReadConfig's
    auto number = [&](const char* key, std::optional<int64_t> fallback = std::nullopt) {
        return reader.Int(key, 1, kAny, fallback);
    };
    Json json;
    json["architectures"] = {"LlamaForCausalLM"};
    json["model_type"] = "llama";
    // The embedding has a row for each token, whatever llama.vocab_size says of the model before
    // tokens were added.
    json["vocab_size"] =
        reader.Find("vocabulary_size") ? number("vocabulary_size") : number("llama.vocab_size");
    int64_t hidden = number("llama.embedding_length"), heads = number("llama.attention.head_count");
    json["hidden_size"] = hidden;
    json["intermediate_size"] = number("llama.feed_forward_length");
    json["num_hidden_layers"] = number("llama.block_count");
    json["num_attention_heads"] = heads;
    json["num_key_value_heads"] = number("llama.attention.head_count_kv", heads);
    int64_t head_dim =
        number("llama.attention.key_length", number("llama.rope.dimension_count", hidden / heads));
    json["head_dim"] = head_dim;
    json["max_position_embeddings"] = number("llama.context_length");
    json["rms_norm_eps"] = reader.Number("llama.attention.layer_norm_rms_epsilon", 0, 1);
    double theta = reader.Number("llama.rope.freq_base", 1, 1e12, 10000.0);
    json["rope_theta"] = theta;
    json["hidden_act"] = "silu";
    const Json* tensors = reader.Find("tensors");
    auto holds = [&](std::string_view name) {
        return tensors && std::any_of(tensors->begin(), tensors->end(),
                                      [&](const Json& tensor) { return tensor == name; });
    };
    json["tie_word_embeddings"] = !holds("output.weight");
    json["attention_bias"] = holds("blk.0.attn_q.bias");
    json["mlp_bias"] = holds("blk.0.ffn_gate.bias");
    for (auto [field, key] : {std::pair("bos_token_id", "tokenizer.ggml.bos_token_id"),
                              std::pair("eos_token_id", "tokenizer.ggml.eos_token_id"),
                              std::pair("pad_token_id", "tokenizer.ggml.padding_token_id")})
        if (auto ids = reader.TokenIds(key); !ids.empty()) json[field] = ids[0];
    if (number("llama.expert_count", 1) > 1)
        reader.Fail("llama.expert_count: a mixture of experts, which this family does not have");
    if (number("llama.rope.dimension_count", head_dim) != head_dim)
        reader.Fail(fmt::format("llama.rope.dimension_count is not the heads' size {}", head_dim));
    if (!reader.status().ok()) return reader.status();
    HONE_ASSIGN_OR_RETURN(Json scaling, RopeScalingFromGguf(metadata, theta, head_dim));
    if (!scaling.is_null()) json["rope_scaling"] = std::move(scaling);
    return json;
}

}  // namespace

extern const ArchSpec kArchLlama;
const ArchSpec kArchLlama = {
    "llama", {"LlamaForCausalLM"}, Table(), ReadConfig, ConfigFromGguf, WireLlama,
};

}  // namespace hone
