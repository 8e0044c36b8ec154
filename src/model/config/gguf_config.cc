#include "model/config/gguf_config.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "kernels/rope/rope.h"

namespace hone {
namespace {

using Json = nlohmann::ordered_json;

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
    RopeScaling scaling;
    scaling.factor = static_cast<float>(largest);
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

}  // namespace

GgufConfig::GgufConfig(const Json& metadata, std::string_view prefix, std::string_view architecture,
                       std::string_view model_type)
    : reader(metadata, "GGUF metadata"), prefix_(prefix) {
    json["architectures"] = Json::array({architecture});
    json["model_type"] = model_type;
}

int64_t GgufConfig::Number(std::string_view key, std::optional<int64_t> fallback) {
    constexpr int64_t kAny = int64_t{1} << 40;  // the limits are read_config's
    return reader.Int(Key(key), 1, kAny, fallback);
}

void GgufConfig::AddQueryScalar(int64_t layers_of_exception) {
    const double hidden = json["hidden_size"], heads = json["num_attention_heads"];
    json["query_pre_attn_scalar"] = json["num_hidden_layers"] == layers_of_exception
                                        ? hidden / heads
                                        : json["head_dim"].get<double>();
}

void GgufConfig::Add(const char* field, std::string_view key, double low, double high,
                     std::optional<double> fallback) {
    json[field] = reader.Number(Key(key), low, high, fallback);
}

bool GgufConfig::Holds(std::string_view tensor) const {
    const Json* tensors = reader.Find("tensors");
    return tensors && std::any_of(tensors->begin(), tensors->end(),
                                  [&](const Json& name) { return name == tensor; });
}

void GgufConfig::AddSizes() {
    constexpr int64_t kAny = int64_t{1} << 40;
    // The embedding has a row for each token, whatever the family's vocab_size says of the model
    // before tokens were added.
    json["vocab_size"] = reader.Find("vocabulary_size") ? reader.Int("vocabulary_size", 1, kAny)
                                                        : Number("vocab_size");
    const int64_t hidden = Number("embedding_length"), heads = Number("attention.head_count");
    json["hidden_size"] = hidden;
    json["intermediate_size"] = Number("feed_forward_length");
    json["num_hidden_layers"] = Number("block_count");
    json["num_attention_heads"] = heads;
    json["num_key_value_heads"] = Number("attention.head_count_kv", heads);
    head_dim_ = Number("attention.key_length", hidden / heads);
    json["head_dim"] = head_dim_;
    json["max_position_embeddings"] = Number("context_length");
    json["tie_word_embeddings"] = !Holds("output.weight");
    if (Number("expert_count", 1) > 1)
        reader.Fail(fmt::format("{}: a mixture of experts, which this family does not have",
                                Key("expert_count")));
}

void GgufConfig::AddRotary(bool takes_partial) {
    const double theta = reader.Number(Key("rope.freq_base"), 1, 1e12, 10000.0);
    json["rope_theta"] = theta;
    const int64_t dims = Number("rope.dimension_count", head_dim_);
    if (takes_partial && dims < head_dim_)
        json["partial_rotary_factor"] = static_cast<double>(dims) / static_cast<double>(head_dim_);
    else if (dims != head_dim_)
        reader.Fail(
            fmt::format("{} is not the heads' size {}", Key("rope.dimension_count"), head_dim_));
    const std::string type = reader.Text(Key("rope.scaling.type"), "none");
    const bool plain_factor = reader.Find(Key("rope.scale_linear")) != nullptr;
    const double factor = reader.Number(Key("rope.scaling.factor"), 1, 1e6,
                                        reader.Number(Key("rope.scale_linear"), 1, 1e6, 1));
    if (!reader.status().ok()) return;
    if (const Json* divisors = reader.Find("rope_freqs")) {
        absl::StatusOr<Json> scaling = ScalingFromDivisors(*divisors, theta, head_dim_);
        if (!scaling.ok()) {
            failed_.Update(scaling.status());
        } else if (!scaling->is_null()) {
            json["rope_scaling"] = *std::move(scaling);
        }
    } else if (type == "linear" || (type == "none" && factor != 1 && plain_factor)) {
        json["rope_scaling"] = {{"rope_type", "linear"}, {"factor", factor}};
    } else if (type == "yarn") {
        json["rope_scaling"] = {
            {"rope_type", "yarn"},
            {"factor", factor},
            {"original_max_position_embeddings", Number("rope.scaling.original_context_length")}};
    } else if (type != "none" && type != "longrope") {
        failed_.Update(ModelError("{} is \"{:.50}\"; hone knows none, linear, yarn and longrope",
                                  Key("rope.scaling.type"), type));
    }
}

void GgufConfig::AddWindow() {
    const int64_t window = reader.Int(Key("attention.sliding_window"), 0, 1 << 24, 0);
    if (window > 0) json["sliding_window"] = window;
}

absl::StatusOr<Json> GgufConfig::Finish() {
    for (auto [field, key] : {std::pair("bos_token_id", "tokenizer.ggml.bos_token_id"),
                              std::pair("eos_token_id", "tokenizer.ggml.eos_token_id"),
                              std::pair("pad_token_id", "tokenizer.ggml.padding_token_id")})
        if (auto ids = reader.TokenIds(key); !ids.empty()) json[field] = ids[0];
    if (!reader.status().ok()) return reader.status();
    HONE_RETURN_IF_ERROR(failed_);
    return json;
}

}  // namespace hone
