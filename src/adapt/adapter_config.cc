#include "adapt/adapter_config.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <span>

#include "absl/strings/ascii.h"
#include "adapt/bottleneck.h"
#include "adapt/ia3.h"
#include "adapt/virtual_tokens.h"
#include "base/files/json_file.h"
#include "base/limits.h"
#include "base/text/json_text.h"
#include "model/config/config_reader.h"
#include "nlohmann/json.hpp"

namespace hone {
namespace {

using Json = nlohmann::ordered_json;

// Keys that say nothing about the result.
constexpr std::array<std::string_view, 11> kDescriptive = {
    "auto_mapping",
    "inference_mode",
    "megatron_config",
    "megatron_core",
    "peft_version",
    "revision",
    "eva_config",
    "corda_config",
    "qalora_group_size",
    "lora_ga_config",
    // PEFT itself goes by the base's layers.
    "fan_in_fan_out",
};
// Keys that LoraConfig holds, and those that Check* look at.
constexpr std::array<std::string_view, 18> kUnderstood = {
    "peft_type",
    "task_type",
    "bias",
    "init_lora_weights",
    "base_model_name_or_path",
    "r",
    "lora_alpha",
    "lora_dropout",
    "target_modules",
    "exclude_modules",
    "modules_to_save",
    "rank_pattern",
    "alpha_pattern",
    "use_rslora",
    "use_dora",
    "loftq_config",
    "layers_to_transform",
    "layers_pattern",
};
// Of IA3's config in place of those.
constexpr std::array<std::string_view, 8> kUnderstoodOfIa3 = {
    "peft_type",       "task_type",           "base_model_name_or_path", "target_modules",
    "exclude_modules", "feedforward_modules", "modules_to_save",         "init_ia3_weights",
};
// Likewise of virtual tokens. How they started, and what a projection in training made them from,
// is in the numbers that are saved.
constexpr std::array<std::string_view, 16> kUnderstoodOfVirtualTokens = {
    "peft_type",
    "task_type",
    "base_model_name_or_path",
    "modules_to_save",
    "num_virtual_tokens",
    "num_transformer_submodules",
    "num_layers",
    "num_attention_heads",
    "token_dim",
    "prompt_tuning_init",
    "prompt_tuning_init_text",
    "tokenizer_name_or_path",
    "tokenizer_kwargs",
    "encoder_hidden_size",
    "prefix_projection",
    "init_weights",
};
// Ways to initialise that leave the base as it is; the others (pissa, olora, corda, loftq ...)
// change its weights.
constexpr std::array<std::string_view, 3> kPlainInit = {"gaussian", "eva", "orthogonal"};
// Features that would change what the adapter computes, and what they are.
struct Feature {
    std::string_view key, what;
};
constexpr Feature kUnsupported[] = {
    {"layer_replication", "a base whose layers are repeated"},
    {"lora_bias", "a bias in the adapter's layers"},
    {"trainable_token_indices", "training single tokens of the embedding"},
    {"target_parameters", "a LoRA on parameters that are no layers' weights"},
    {"alora_invocation_tokens", "aLoRA: an adapter that begins at its invocation tokens"},
    {"arrow_config", "Arrow: a router over several adapters"},
    {"use_qalora", "QA-LoRA"},
    {"use_bdlora", "block-diagonal LoRA"},
    {"kasa_config", "KaSA"},
    {"monteclora_config", "MonteCLoRA"},
    {"velora_config", "VeLoRA"},
    {"ensure_weight_tying", "keeping a trained embedding and head one"},
};
// In loftq_config, of hone alone: the form that the base is held in.
constexpr char kLoftqBase[] = "base_weights";
constexpr size_t kMaxNames = 100'000;
constexpr double kMaxAlpha = std::numeric_limits<double>::max();

bool Has(std::span<const std::string_view> list, std::string_view key) {
    return std::find(list.begin(), list.end(), key) != list.end();
}

// null, false, "" and empty containers all mean that a feature is off.
bool IsOff(const Json& value) {
    if (value.is_null()) return true;
    if (value.is_boolean()) return !value.get<bool>();
    if (value.is_string()) return value.get_ref<const std::string&>().empty();
    return value.is_structured() && value.empty();
}

// The fields that are lists of names or of layers, and patterns for names.
class AdapterReader : public ConfigReader {
  public:
    using ConfigReader::ConfigReader;

    // A name or a list of names. If `is_regex` is given, a single name is a regular expression.
    void Names(std::string_view key, std::vector<std::string>& out, bool* is_regex = nullptr) {
        const Json* value = Find(key);
        if (!value) return;
        if (value->is_string()) {
            out = {value->get<std::string>()};
            if (is_regex) *is_regex = out[0] != "all-linear";
            return;
        }
        if (!value->is_array() || value->size() > kMaxNames) return FailAs(key, "a list of names");
        for (const Json& name : *value) {
            if (!name.is_string() || name.get_ref<const std::string&>().size() > kMaxNameBytes)
                return FailAs(key,
                              fmt::format("a list of names of at most {} bytes", kMaxNameBytes));
            out.push_back(name.get<std::string>());
        }
    }
    void Ranks(std::string_view key, std::vector<std::pair<std::string, int64_t>>& out) {
        ForEachPattern(key, [&](ConfigReader& reader, const std::string& name) {
            out.emplace_back(name, reader.Int(name, 1, kMaxLoraRank));
        });
    }
    void Alphas(std::string_view key, std::vector<std::pair<std::string, double>>& out) {
        ForEachPattern(key, [&](ConfigReader& reader, const std::string& name) {
            out.emplace_back(name, reader.Number(name, -kMaxAlpha, kMaxAlpha));
        });
    }
    // A layer's number, or a list of them.
    void Layers(std::string_view key, std::vector<int64_t>& out) {
        const Json* value = Find(key);
        if (!value) return;
        const bool list = value->is_array() && value->size() <= kMaxNames;
        const Json layers = list ? *value : Json::array({*value});
        for (const Json& layer : layers) {
            if (!layer.is_number_integer()) return FailAs(key, "a list of layer numbers");
            out.push_back(layer.get<int64_t>());
        }
    }

  private:
    void FailAs(std::string_view key, std::string_view expected) {
        Fail(fmt::format("\"{}\" must be {}", key, expected));
    }
    template <typename Read>
    void ForEachPattern(std::string_view key, const Read& read) {
        const Json* value = Find(key);
        if (!value) return;
        if (!value->is_object() || value->size() > kMaxNames)
            return FailAs(key, "an object of names and numbers");
        ConfigReader reader(*value, std::string(key));
        for (const auto& [name, unused] : value->items()) read(reader, name);
        if (!reader.status().ok()) Fail(std::string(reader.status().message()));
    }
};

// The keys that count in an adapter of that kind; empty: hone does not read it.
std::span<const std::string_view> UnderstoodOf(std::string_view peft_type) {
    if (peft_type == "LORA") return kUnderstood;
    if (peft_type == "IA3") return kUnderstoodOfIa3;
    if (peft_type == "PROMPT_TUNING" || peft_type == "PREFIX_TUNING")
        return kUnderstoodOfVirtualTokens;
    return {};
}

absl::Status CheckFeatures(const Json& json, std::string_view what) {
    auto text = [&](std::string_view key) {
        auto found = json.find(std::string(key));
        return found != json.end() && found->is_string() ? found->get<std::string>()
                                                         : std::string();
    };
    const std::span<const std::string_view> understood = UnderstoodOf(text("peft_type"));
    if (understood.empty())
        return ModelError(
            "{}: peft_type is '{}'; hone reads LORA, IA3, PROMPT_TUNING and PREFIX_TUNING adapters",
            what, text("peft_type"));
    if (const std::string task = text("task_type"); !task.empty() && task != "CAUSAL_LM" &&
                                                    task != "SEQ_CLS" && task != "TOKEN_CLS" &&
                                                    task != kFeatureExtraction)
        return ModelError(
            "{}: task_type is '{}'; hone reads CAUSAL_LM, SEQ_CLS, TOKEN_CLS and "
            "FEATURE_EXTRACTION adapters",
            what, task);
    if (!text("bias").empty() && text("bias") != "none")
        return ModelError(
            "{}: bias is '{}': adapters that train biases are not supported, only bias=none", what,
            text("bias"));
    if (auto init = text("init_lora_weights"); !init.empty() && !Has(kPlainInit, init))
        return ModelError(
            "{}: init_lora_weights is '{}', which changes the base's weights; convert the adapter "
            "to plain "
            "LoRA first (PEFT: save_pretrained(path_initial_model_for_weight_conversion=...))",
            what, init);
    for (const Feature& feature : kUnsupported) {
        auto found = json.find(std::string(feature.key));
        if (found != json.end() && !IsOff(*found))
            return ModelError(
                "{}: {} ({}) is not supported, and without it the adapter would compute something "
                "else",
                what, feature.key, feature.what);
    }
    for (const auto& [key, value] : json.items())
        if (!Has(kDescriptive, key) && !Has(understood, key) && !IsOff(value))
            return ModelError(
                "{}: the key '{}' is not known here and may change what the adapter computes; it "
                "must be off (null, false or empty)",
                what, key);
    return absl::OkStatus();
}

// A whole number without a fraction, as Python writes its ints.
Json NumberToJson(double value) {
    if (value == std::floor(value) && std::fabs(value) < 1e15) return static_cast<int64_t>(value);
    return value;
}

Json NamesToJson(const std::vector<std::string>& names, bool is_regex) {
    if (names.empty()) return nullptr;
    if (is_regex) return names[0];
    return names;
}

std::string Ia3ConfigText(const LoraConfig& config) {
    const auto& feedforward = config.feedforward_modules;
    return JsonText(Json{
        {"auto_mapping", nullptr},
        {"base_model_name_or_path", config.base_model_name_or_path},
        {"exclude_modules", NamesToJson(config.exclude_modules, config.exclude_is_regex)},
        {"fan_in_fan_out", false},
        {"feedforward_modules",
         config.feedforward_is_regex ? Json(feedforward.at(0)) : Json(feedforward)},
        {"inference_mode", true},
        {"init_ia3_weights", true},
        {"modules_to_save", NamesToJson(config.modules_to_save, false)},
        {"peft_type", "IA3"},
        {"revision", nullptr},
        {"target_modules", NamesToJson(config.target_modules, config.target_is_regex)},
        {"task_type", config.task_type},
    });
}

std::string VirtualTokensConfigText(const LoraConfig& config) {
    const auto number = [](int64_t value) { return value == 0 ? Json() : Json(value); };
    Json json = {
        {"auto_mapping", nullptr},
        {"base_model_name_or_path", config.base_model_name_or_path},
        {"inference_mode", true},
        {"modules_to_save", NamesToJson(config.modules_to_save, false)},
        {"num_attention_heads", number(config.num_attention_heads)},
        {"num_layers", number(config.num_layers)},
        {"num_transformer_submodules", 1},
        {"num_virtual_tokens", config.num_virtual_tokens},
        {"peft_type", config.peft_type},
    };
    if (IsPrefixTuning(config)) {
        json["prefix_projection"] = false;
    } else {
        const std::string& text = config.prompt_tuning_init_text;
        json["prompt_tuning_init"] = absl::AsciiStrToUpper(config.prompt_tuning_init);
        json["prompt_tuning_init_text"] = text.empty() ? Json() : Json(text);
    }
    json.update({{"revision", nullptr},
                 {"task_type", config.task_type},
                 {"token_dim", number(config.token_dim)}});
    // Which PEFT asks for where the tokens start from a text.
    if (IsPromptTuning(config)) json["tokenizer_name_or_path"] = config.base_model_name_or_path;
    return JsonText(json);
}

// Of an adapter with virtual tokens: how many there are, and for what model.
void ReadVirtualTokens(AdapterReader& reader, LoraConfig& config) {
    config.num_virtual_tokens = reader.Int("num_virtual_tokens", 1, kMaxVirtualTokens);
    if (reader.Int("num_transformer_submodules", 1, 2, 1) != 1)
        reader.Fail(
            "\"num_transformer_submodules\" is 2: such an adapter is for a model with an "
            "encoder, and hone has none");
    constexpr int64_t kMost = int64_t{1} << 24;
    config.num_layers = reader.Int("num_layers", 1, kMost, 0);
    config.num_attention_heads = reader.Int("num_attention_heads", 1, kMost, 0);
    config.token_dim = reader.Int("token_dim", 1, kMost, 0);
    config.prompt_tuning_init = absl::AsciiStrToLower(reader.Text("prompt_tuning_init", "random"));
    config.prompt_tuning_init_text = reader.Text("prompt_tuning_init_text", "");
}

}  // namespace

absl::StatusOr<LoraConfig> ParseAdapterConfig(std::string_view text, std::string_view what) {
    HONE_ASSIGN_OR_RETURN(auto json, ParseJson<Json>(text, what));
    if (!json.is_object()) return ModelError("{}: a JSON object is expected", what);
    if (IsBottleneckConfig(json)) return ParseBottleneckConfig(json, what);
    HONE_RETURN_IF_ERROR(CheckFeatures(json, what));
    LoraConfig config;
    config.peft_type = json["peft_type"].get<std::string>();
    AdapterReader reader(json, std::string(what));
    if (HasVirtualTokens(config)) ReadVirtualTokens(reader, config);
    // Of keys that the file leaves out, PEFT's defaults.
    config.r = reader.Int("r", 1, kMaxLoraRank, 8);
    config.lora_alpha = reader.Number("lora_alpha", -kMaxAlpha, kMaxAlpha, 8);
    config.lora_dropout = reader.Number("lora_dropout", 0, 1, 0);
    if (config.lora_dropout == 1) reader.Fail("\"lora_dropout\" is 1; it must be below 1");
    reader.Names("target_modules", config.target_modules, &config.target_is_regex);
    reader.Names("exclude_modules", config.exclude_modules, &config.exclude_is_regex);
    reader.Names("feedforward_modules", config.feedforward_modules, &config.feedforward_is_regex);
    const auto feedforward = json.find("feedforward_modules");
    config.feedforward_by_family = feedforward == json.end() || feedforward->is_null();
    reader.Names("modules_to_save", config.modules_to_save);
    reader.Names("layers_pattern", config.layers_pattern);
    reader.Layers("layers_to_transform", config.layers_to_transform);
    reader.Ranks("rank_pattern", config.rank_pattern);
    reader.Alphas("alpha_pattern", config.alpha_pattern);
    config.use_rslora = reader.Bool("use_rslora", false);
    config.use_dora = reader.Bool("use_dora", false);
    // Without this key, PEFT's own: it counts with another init_lora_weights alone.
    if (const auto loftq = json.find("loftq_config");
        loftq != json.end() && loftq->is_object() && loftq->value(kLoftqBase, Json()) == "nf4")
        config.init_lora_weights = "loftq";
    config.base_model_name_or_path = reader.Text("base_model_name_or_path", "");
    config.task_type = reader.Text("task_type", "CAUSAL_LM");
    HONE_RETURN_IF_ERROR(reader.status());
    return config;
}

std::string AdapterConfigText(const LoraConfig& config) {
    if (IsIa3(config)) return Ia3ConfigText(config);
    if (IsBottleneck(config)) return BottleneckConfigText(config);
    if (HasVirtualTokens(config)) return VirtualTokensConfigText(config);
    Json alpha_pattern = Json::object(), rank_pattern = Json::object();
    for (const auto& [name, alpha] : config.alpha_pattern)
        alpha_pattern[name] = NumberToJson(alpha);
    for (const auto& [name, rank] : config.rank_pattern) rank_pattern[name] = rank;
    Json json = {
        {"alpha_pattern", alpha_pattern},
        {"auto_mapping", nullptr},
        {"base_model_name_or_path", config.base_model_name_or_path},
        {"bias", "none"},
        {"corda_config", nullptr},
        {"eva_config", nullptr},
        {"exclude_modules", NamesToJson(config.exclude_modules, config.exclude_is_regex)},
        {"fan_in_fan_out", false},
        {"inference_mode", true},
        {"init_lora_weights", true},
        {"layer_replication", nullptr},
        {"layers_pattern", NamesToJson(config.layers_pattern, false)},
        {"layers_to_transform",
         config.layers_to_transform.empty() ? Json() : Json(config.layers_to_transform)},
        // Which PEFT ignores where the adapter does not start that way.
        {"loftq_config", config.init_lora_weights == "loftq"
                             ? Json{{"loftq_bits", 4}, {"loftq_iter", 1}, {kLoftqBase, "nf4"}}
                             : Json::object()},
        {"lora_alpha", NumberToJson(config.lora_alpha)},
        {"lora_bias", false},
        {"lora_dropout", config.lora_dropout},
        {"megatron_config", nullptr},
        {"megatron_core", "megatron.core"},
        {"modules_to_save", NamesToJson(config.modules_to_save, false)},
        {"peft_type", "LORA"},
        {"r", config.r},
        {"rank_pattern", rank_pattern},
        {"revision", nullptr},
        {"target_modules", NamesToJson(config.target_modules, config.target_is_regex)},
        {"task_type", config.task_type},
        {"trainable_token_indices", nullptr},
        {"use_dora", config.use_dora},
        {"use_rslora", config.use_rslora},
    };
    return JsonText(json);
}

}  // namespace hone
