// Rotary positions out of config.json, in transformers' spellings: rope_theta and rope_scaling, or
// rope_parameters, which has both.
#include <cmath>
#include <string>

#include "model/config/decoder_config.h"

namespace hone {
namespace {

using Json = nlohmann::ordered_json;
using Kind = RopeScaling::Kind;

constexpr double kLowTheta = 1, kHighTheta = 1e12, kMostFactor = 1e6;

// One divisor for each pair of a head.
std::vector<double> Divisors(ConfigReader& reader, const char* key, int64_t pairs) {
    std::vector<double> divisors;
    const Json* list = reader.Find(key);
    bool good = list != nullptr && list->is_array() && static_cast<int64_t>(list->size()) == pairs;
    for (int64_t i = 0; good && i < pairs; ++i) {
        const Json& value = (*list)[static_cast<size_t>(i)];
        good = value.is_number() && value.get<double>() > 0 && value.get<double>() <= kMostFactor;
        if (good) divisors.push_back(value.get<double>());
    }
    if (!good)
        reader.Fail(
            fmt::format("\"{}\" is not a list of {} numbers above 0, one for each pair of "
                        "elements that turn",
                        key, pairs));
    return divisors;
}

void ReadLlama3(ConfigReader& reader, RopeScaling& scaling) {
    scaling.low_freq_factor = reader.Number("low_freq_factor", 1e-3, kMostFactor);
    scaling.high_freq_factor = reader.Number("high_freq_factor", 1e-3, kMostFactor);
    if (reader.status().ok() && scaling.low_freq_factor >= scaling.high_freq_factor)
        reader.Fail(fmt::format("low_freq_factor {} is not below high_freq_factor {}",
                                scaling.low_freq_factor, scaling.high_freq_factor));
}

double YarnScale(double factor, double mscale) {
    return factor <= 1 ? 1 : 0.1 * mscale * std::log(factor) + 1;
}

void ReadYarn(ConfigReader& reader, RopeScaling& scaling) {
    scaling.beta_fast = reader.Number("beta_fast", 1e-3, kMostFactor, 32);
    scaling.beta_slow = reader.Number("beta_slow", 1e-3, kMostFactor, 1);
    scaling.truncate = reader.Bool("truncate", true);
    const double mscale = reader.Number("mscale", 0, kMostFactor, 0),
                 all = reader.Number("mscale_all_dim", 0, kMostFactor, 0);
    const double usual = mscale > 0 && all > 0
                             ? YarnScale(scaling.factor, mscale) / YarnScale(scaling.factor, all)
                             : YarnScale(scaling.factor, 1);
    scaling.attention_factor = reader.Number("attention_factor", 1e-3, kMostFactor, usual);
}

void ReadLongRope(ConfigReader& reader, int64_t pairs, RopeScaling& scaling) {
    scaling.short_divisors = Divisors(reader, "short_factor", pairs);
    scaling.long_divisors = Divisors(reader, "long_factor", pairs);
    const auto original = static_cast<double>(scaling.original_max_position_embeddings);
    const double usual =
        scaling.factor <= 1 ? 1 : std::sqrt(1 + std::log(scaling.factor) / std::log(original));
    scaling.attention_factor = reader.Number("attention_factor", 1e-3, kMostFactor, usual);
}

}  // namespace

// `json` is config.json's "rope_scaling", or "rope_parameters" as transformers 5 writes it.
void DecoderConfig::ReadScaling(const Json& json, RotaryConfig& rotary) {
    ConfigReader inner(json, "rope scaling");
    const std::string type = inner.Text("rope_type", inner.Text("type", "default"));
    RopeScaling& scaling = rotary.scaling;
    const int64_t positions = config.max_position_embeddings;
    // Phi 3 has the original positions beside the scaling, and there they count.
    scaling.original_max_position_embeddings =
        reader.Int("original_max_position_embeddings", 2, kMostPositions,
                   inner.Int("original_max_position_embeddings", 2, kMostPositions,
                             std::max<int64_t>(positions, 2)));
    const double reach = static_cast<double>(positions) /
                         static_cast<double>(scaling.original_max_position_embeddings);
    const auto factor = [&](std::optional<double> fallback) {
        scaling.factor = inner.Number("factor", 1, kMostFactor, fallback);
    };
    if (type == "linear" || type == "dynamic") {
        scaling.kind = type == "linear" ? Kind::kLinear : Kind::kDynamic;
        factor(std::nullopt);
    } else if (type == "llama3") {
        scaling.kind = Kind::kLlama3;
        factor(std::nullopt);
        ReadLlama3(inner, scaling);
    } else if (type == "yarn" && !inner.Find("short_factor")) {
        scaling.kind = Kind::kYarn;
        factor(std::max(reach, 1.0));
        if (rotary.theta <= 1) inner.Fail("yarn needs a rope_theta above 1");
        ReadYarn(inner, scaling);
    } else if (type == "longrope" || type == "su" || type == "yarn") {
        scaling.kind = Kind::kLongRope;
        factor(std::max(reach, 1.0));
        ReadLongRope(inner, rotary.dims / 2, scaling);
    } else if (type != "default" && type != "none") {
        inner.Fail(
            fmt::format("hone does not know the type \"{:.50}\"; it knows default, linear, "
                        "dynamic, llama3, yarn and longrope",
                        type));
    }
    if (!inner.status().ok()) reader.Fail(std::string(inner.status().message()));
}

void DecoderConfig::ReadRotary(const Rotary& defaults) {
    RotaryConfig rotary;
    std::optional<double> theta;
    if (reader.Find(defaults.theta_key))
        theta = reader.Number(defaults.theta_key, kLowTheta, kHighTheta);
    std::optional<double> partial;
    if (reader.Find("partial_rotary_factor"))
        partial = reader.Number("partial_rotary_factor", 0, 1);
    const Json* parameters = reader.Find("rope_parameters");
    if (parameters && !parameters->is_object())
        return reader.Fail("\"rope_parameters\" is not an object");
    if (parameters && !defaults.layer_type.empty()) {
        const auto own = parameters->find(std::string(defaults.layer_type));
        parameters = own != parameters->end() && own->is_object() ? &*own : nullptr;
    }
    if (parameters) {
        ConfigReader inner(*parameters, "rope_parameters");
        if (inner.Find("rope_theta")) {
            const double value = inner.Number("rope_theta", kLowTheta, kHighTheta);
            if (theta && *theta != value)
                inner.Fail(fmt::format("rope_theta is {} here, but {} outside", value, *theta));
            theta = value;
        }
        if (inner.Find("partial_rotary_factor"))
            partial = inner.Number("partial_rotary_factor", 0, 1);
        if (!inner.status().ok()) return reader.Fail(std::string(inner.status().message()));
    }
    rotary.theta = theta.value_or(defaults.theta);
    const double share = partial.value_or(defaults.partial);
    if (share != 1 && !defaults.takes_partial)
        return reader.Fail(fmt::format("partial_rotary_factor {}: {} models rotate whole heads",
                                       share, config.model_type));
    rotary.dims = static_cast<int64_t>(static_cast<double>(config.head_dim) * share);
    if (rotary.dims < 2 || rotary.dims % 2 != 0)
        return reader.Fail(
            fmt::format("partial_rotary_factor {} of {} elements is {}: an even "
                        "number of at least 2 has to turn",
                        share, config.head_dim, rotary.dims));
    const Json* scaling = parameters        ? parameters
                          : defaults.scaled ? reader.Find("rope_scaling")
                                            : nullptr;
    if (scaling && !scaling->is_object()) return reader.Fail("the rope scaling is not an object");
    if (scaling) ReadScaling(*scaling, rotary);
    config.rotary.push_back(std::move(rotary));
}

}  // namespace hone
