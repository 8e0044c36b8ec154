#include "adapt/bottleneck.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "adapt/random_start.h"
#include "base/files/hash.h"
#include "base/text/json_text.h"
#include "model/config/config_reader.h"

namespace hone {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kInside = "_adapters.";  // of a layer: attention_, output_
constexpr std::string_view kWrapper = "adapters.";  // the library's, around each by name
constexpr std::string_view kOwnName = "hone";       // what hone calls its own
constexpr std::string_view kDown = "adapter_down.0.", kUp = "adapter_up.";

struct Activation {
    std::string_view name;
    ActivationKind kind;
};
constexpr Activation kActivations[] = {
    {"relu", ActivationKind::kRelu},         {"swish", ActivationKind::kSilu},
    {"silu", ActivationKind::kSilu},         {"gelu", ActivationKind::kGelu},
    {"gelu_new", ActivationKind::kGeluTanh}, {"gelu_pytorch_tanh", ActivationKind::kGeluTanh},
};

std::optional<ActivationKind> FindActivation(std::string_view name) {
    for (const Activation& activation : kActivations)
        if (activation.name == name) return activation.kind;
    return std::nullopt;
}

// Keys of BnConfig that say nothing about what a finished adapter computes, unless another key
// does.
constexpr std::string_view kDescriptiveOfBottleneck[] = {
    "init_weights",
    "init_weights_seed",
    "phm_dim",
    "factorized_phm_W",
    "shared_W_phm",
    "shared_phm_rule",
    "phm_c_init",
    "phm_init_range",
    "learn_phm",
    "phm_rank",
    "phm_bias",
    "hypercomplex_nonlinearity",
    "cross_adapter",
    "inv_adapter_reduction_factor",
    "factorized_phm_rule",
};
constexpr std::string_view kUnderstoodOfBottleneck[] = {
    "mh_adapter",       "output_adapter", "is_parallel", "original_ln_before", "original_ln_after",
    "reduction_factor", "non_linearity",  "scaling",     "residual_before_ln",
};

bool IsNeutral(const Json& value) {
    return value.is_null() || value == false || value == 0 || value == "" ||
           (value.is_structured() && value.empty());
}

// Rows between the two layers, as the library rounds them.
int64_t SizeOf(const BottleneckConfig& config, int64_t hidden_size) {
    const double size = std::floor(static_cast<double>(hidden_size) / config.reduction_factor);
    return static_cast<int64_t>(std::clamp(size, 1.0, static_cast<double>(kMaxBottleneck + 1)));
}

absl::Status CheckBottleneckKeys(const Json& config, std::string_view what) {
    for (const auto& [key, value] : config.items()) {
        const auto is_key = [&key = key](std::string_view other) { return other == key; };
        if (std::any_of(std::begin(kDescriptiveOfBottleneck), std::end(kDescriptiveOfBottleneck),
                        is_key) ||
            std::any_of(std::begin(kUnderstoodOfBottleneck), std::end(kUnderstoodOfBottleneck),
                        is_key) ||
            IsNeutral(value))
            continue;
        return ModelError(
            "{}: config.{} is not supported, and without it the adapter would compute something "
            "else; it must be off (null, false or empty)",
            what, key);
    }
    for (const char* key : {"original_ln_after", "residual_before_ln"})
        if (const auto found = config.find(key); found != config.end() && *found != true)
            return ModelError("{}: config.{} is {}; hone knows such adapters with true alone", what,
                              key, found->dump());
    return absl::OkStatus();
}

}  // namespace

bool IsBottleneck(const LoraConfig& config) { return config.peft_type == "BOTTLENECK"; }

BottleneckConfig NamedBottleneck(std::string_view name) {
    if (name == "houlsby") return {};
    BottleneckConfig config{.mh_adapter = false, .non_linearity = "relu"};
    if (name == "pfeiffer") {
        config.original_ln_before = true;
        return config;
    }
    HONE_CHECK(name == "parallel", "no bottleneck adapter is called {}", name);
    config.is_parallel = true;
    config.reduction_factor = 2;
    config.scaling = 4;
    return config;
}

bool HasActivation(std::string_view name) { return FindActivation(name).has_value(); }

absl::Status AddBottlenecks(Model& model, const LoraConfig& config) {
    const BottleneckConfig& wanted = config.bottleneck;
    const std::optional<ActivationKind> activation = FindActivation(wanted.non_linearity);
    HONE_CHECK(activation, "no activation {}", wanted.non_linearity);
    const BottleneckOptions options{.size = SizeOf(wanted, model.config().hidden_size),
                                    .activation = *activation,
                                    .scale = static_cast<float>(wanted.scaling),
                                    .input = wanted.is_parallel ? BottleneckInput::kStream
                                             : wanted.original_ln_before
                                                 ? BottleneckInput::kSum
                                                 : BottleneckInput::kOutput};
    if (wanted.mh_adapter)
        HONE_RETURN_IF_ERROR(model.AddBottlenecks(LayerHalf::kAttention, options));
    if (wanted.output_adapter) HONE_RETURN_IF_ERROR(model.AddBottlenecks(LayerHalf::kMlp, options));
    return absl::OkStatus();
}

void InitializeBottlenecks(ParameterSet& parameters, const LoraConfig& config, uint64_t seed) {
    constexpr double kDeviation = 0.02;
    for (const ParameterSlice& slice : parameters.slices()) {
        if (StoredBottleneckName(slice.name).empty() || !slice.name.ends_with(".weight")) continue;
        const bool down = slice.name.find(kDown) != slice.name.npos;
        const uint64_t key = StableHash(slice.name, seed);
        const double bound = 1 / std::sqrt(static_cast<double>(slice.shape.back()));
        float* values = parameters.values().data() + slice.offset;
        for (int64_t i = 0; i < slice.count; ++i)
            values[i] =
                static_cast<float>(!config.bottleneck.is_parallel ? kDeviation * NormalAt(key, i)
                                   : down                         ? bound * EvenAt(key, i)
                                                                  : 0);
    }
}

bool IsBottleneckConfig(const Json& json) {
    const auto config = json.find("config");
    return !json.contains("peft_type") && config != json.end() && config->is_object();
}

absl::StatusOr<LoraConfig> ParseBottleneckConfig(const Json& json, std::string_view what) {
    const Json& config = json.at("config");
    if (const auto other = config.find("architecture"); other != config.end() && !other->is_null())
        return ModelError(
            "{}: config.architecture is {}: of AdapterHub's adapters hone reads the bottleneck "
            "ones",
            what, other->dump());
    HONE_RETURN_IF_ERROR(CheckBottleneckKeys(config, what));
    LoraConfig read;
    read.peft_type = "BOTTLENECK";
    BottleneckConfig& bottleneck = read.bottleneck;
    ConfigReader reader(config, fmt::format("{}: config", what));
    bottleneck.mh_adapter = reader.Bool("mh_adapter", false);
    bottleneck.output_adapter = reader.Bool("output_adapter", false);
    if (!bottleneck.mh_adapter && !bottleneck.output_adapter)
        reader.Fail("\"mh_adapter\" and \"output_adapter\" are both off: there is no adapter");
    bottleneck.is_parallel = reader.Bool("is_parallel", false);
    bottleneck.original_ln_before = reader.Bool("original_ln_before", false);
    bottleneck.reduction_factor =
        reader.Number("reduction_factor", kLeastReduction, kMostReduction);
    bottleneck.scaling = reader.Number("scaling", -1e6, 1e6, 1);
    bottleneck.non_linearity = reader.Text("non_linearity");
    HONE_RETURN_IF_ERROR(reader.status());
    if (!HasActivation(bottleneck.non_linearity))
        return ModelError(
            "{}: config.non_linearity is \"{:.50}\"; hone knows relu, swish, gelu and "
            "gelu_new",
            what, bottleneck.non_linearity);
    ConfigReader whole(json, std::string(what));
    read.base_model_name_or_path = whole.Text("model_name", "");
    HONE_RETURN_IF_ERROR(whole.status());
    return read;
}

std::string BottleneckConfigText(const LoraConfig& config) {
    const BottleneckConfig& bottleneck = config.bottleneck;
    return JsonText(Json{
        {"config",
         {{"adapter_residual_before_ln", false},
          {"cross_adapter", false},
          {"dropout", 0.0},
          {"init_weights", bottleneck.is_parallel ? "mam_adapter" : "bert"},
          {"inv_adapter", nullptr},
          {"is_parallel", bottleneck.is_parallel},
          {"leave_out", Json::array()},
          {"ln_after", false},
          {"ln_before", false},
          {"mh_adapter", bottleneck.mh_adapter},
          {"non_linearity", bottleneck.non_linearity},
          {"original_ln_after", true},
          {"original_ln_before", bottleneck.original_ln_before},
          {"output_adapter", bottleneck.output_adapter},
          {"phm_layer", false},
          {"reduction_factor", bottleneck.reduction_factor},
          {"residual_before_ln", true},
          // Python tells a factor from a name by its being a float.
          {"scaling", bottleneck.scaling},
          {"use_gating", false}}},
        {"model_name", config.base_model_name_or_path},
        {"name", kOwnName},
        {"version", "adapters.1.3.0"},
    });
}

std::string StoredBottleneckName(std::string_view parameter) {
    const size_t at = parameter.find(kInside);
    if (at == parameter.npos) return "";
    const size_t after = at + kInside.size();
    const std::string_view rest = parameter.substr(after);
    if (!rest.starts_with(kDown) && !rest.starts_with(kUp)) return "";
    return fmt::format("{}{}{}.{}", parameter.substr(0, after), kWrapper, kOwnName, rest);
}

std::string PlainBottleneckName(std::string_view stored) {
    const std::string wrapper = fmt::format("{}{}", kInside, kWrapper);
    const size_t at = stored.find(wrapper);
    const size_t down = stored.rfind(kDown), up = stored.rfind(kUp);
    const size_t part = down != stored.npos ? down : up;
    if (at == stored.npos || part == stored.npos || part < at + wrapper.size()) return "";
    return fmt::format("{}{}", stored.substr(0, at + kInside.size()), stored.substr(part));
}

}  // namespace hone
