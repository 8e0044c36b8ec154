#include "train/options.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <map>
#include <type_traits>
#include <utility>

#include "base/limits.h"
#include "fmt/ranges.h"
#include "train/loop/monitor.h"
#include "train/loop/schedule.h"

namespace hone {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::array<std::string_view, 4> kAdamWNames = {"adamw_torch", "adamw_torch_fused",
                                                         "adamw_hf", "adamw"};

// Calls visit(name, field) for every field under its flag's name: one list for writing and for
// reading. Options is const or not.
template <typename Options, typename Visit>
void VisitFields(Options& o, Visit&& visit) {
    visit("model_name_or_path", o.model_name_or_path);
    visit("adapter_path", o.adapter_path);
    visit("torch_dtype", o.torch_dtype);
    visit("output_path", o.output_path);
    visit("task_name", o.task_name);
    visit("logging_dir", o.logging_dir);
    visit("report_to", o.report_to);
    visit("method", o.method);
    visit("data_name", o.data.data_name);
    visit("data_files", o.data.data_files);
    visit("eval_data_files", o.data.eval_data_files);
    visit("train_subset", o.data.train_subset);
    visit("eval_subset", o.data.eval_subset);
    visit("train_split", o.data.train_split);
    visit("eval_split", o.data.eval_split);
    visit("eval_fraction", o.data.eval_fraction);
    visit("columns", o.data.columns);
    visit("csv_separator", o.data.csv_separator);
    visit("text_template", o.data.text_template);
    visit("text_field", o.data.text_field);
    visit("use_chat_template", o.data.use_chat_template);
    visit("add_special_tokens", o.data.add_special_tokens);
    visit("train_on_prompt", o.data.train_on_prompt);
    visit("template_date", o.data.template_date);
    visit("max_seq_len", o.data.max_seq_len);
    visit("on_overflow", o.data.on_overflow);
    visit("max_samples", o.data.max_samples);
    visit("skip_bad_rows", o.data.skip_bad_rows);
    visit("packing", o.data.packing);
    visit("lora_r", o.lora.r);
    visit("lora_alpha", o.lora.lora_alpha);
    visit("lora_dropout", o.lora.lora_dropout);
    visit("target_modules", o.lora.target_modules);
    visit("target_is_regex", o.lora.target_is_regex);
    visit("exclude_modules", o.lora.exclude_modules);
    visit("exclude_is_regex", o.lora.exclude_is_regex);
    visit("layers_to_transform", o.lora.layers_to_transform);
    visit("layers_pattern", o.lora.layers_pattern);
    visit("modules_to_save", o.lora.modules_to_save);
    visit("rank_pattern", o.lora.rank_pattern);
    visit("alpha_pattern", o.lora.alpha_pattern);
    visit("use_rslora", o.lora.use_rslora);
    visit("quant_type", o.quant_type);
    visit("double_quant", o.double_quant);
    visit("base_compute", o.base_compute);
    visit("max_steps", o.max_steps);
    visit("num_train_epochs", o.num_train_epochs);
    visit("per_device_train_batch_size", o.per_device_train_batch_size);
    visit("per_device_eval_batch_size", o.per_device_eval_batch_size);
    visit("gradient_accumulation_steps", o.gradient_accumulation_steps);
    visit("train_sampling_strategy", o.train_sampling_strategy);
    visit("learning_rate", o.learning_rate);
    visit("lr_scheduler_type", o.lr_scheduler_type);
    visit("warmup_ratio", o.warmup_ratio);
    visit("warmup_steps", o.warmup_steps);
    visit("num_cycles", o.num_cycles);
    visit("lr_power", o.lr_power);
    visit("lr_end", o.lr_end);
    visit("num_decay_steps", o.num_decay_steps);
    visit("min_lr_ratio", o.min_lr_ratio);
    visit("optim", o.optim);
    visit("adam_beta1", o.adam_beta1);
    visit("adam_beta2", o.adam_beta2);
    visit("adam_epsilon", o.adam_epsilon);
    visit("weight_decay", o.weight_decay);
    visit("max_grad_norm", o.max_grad_norm);
    visit("gradient_checkpointing", o.gradient_checkpointing);
    visit("seed", o.seed);
    visit("logging_steps", o.logging_steps);
    visit("eval_on_start", o.eval_on_start);
    visit("eval_steps", o.eval_steps);
    visit("save_steps", o.save_steps);
    visit("save_minutes", o.save_minutes);
    visit("save_total_limit", o.save_total_limit);
    visit("metric_for_best_model", o.metric_for_best_model);
    visit("greater_is_better", o.greater_is_better);
    visit("early_stopping_patience", o.early_stopping_patience);
    visit("early_stopping_threshold", o.early_stopping_threshold);
    visit("load_best_model_at_end", o.load_best_model_at_end);
    visit("resume_from_checkpoint", o.resume_from_checkpoint);
    visit("micro_batch_tokens", o.micro_batch_tokens);
    visit("threads", o.threads);
    visit("dataloader_num_workers", o.dataloader_num_workers);
}

std::string_view OverflowName(OnOverflow overflow) {
    constexpr std::string_view kNames[] = {"truncate", "drop", "error"};
    return kNames[static_cast<int>(overflow)];
}

template <typename T>
Json ToJsonValue(const T& value) {
    return value;
}
Json ToJsonValue(const OnOverflow& value) { return OverflowName(value); }
template <typename T>
Json ToJsonValue(const std::optional<T>& value) {
    return value ? ToJsonValue(*value) : Json();
}
template <typename T>
Json ToJsonValue(const std::vector<std::pair<std::string, T>>& pairs) {
    Json json = Json::object();
    for (const auto& [name, value] : pairs) json[name] = value;
    return json;
}

// Each returns what was expected instead, or nullptr.
const char* FromJsonValue(const Json& json, bool& out) {
    if (!json.is_boolean()) return "true or false";
    out = json.get<bool>();
    return nullptr;
}
const char* FromJsonValue(const Json& json, std::string& out) {
    if (!json.is_string()) return "a string";
    out = json.get<std::string>();
    return nullptr;
}
template <typename T>
requires std::is_integral_v<T>
const char* FromJsonValue(const Json& json, T& out) {
    if (!json.is_number_integer()) return "a whole number";
    const bool fits = json.is_number_unsigned() ? std::in_range<T>(json.get<uint64_t>())
                                                : std::in_range<T>(json.get<int64_t>());
    if (!fits) return "a whole number in range";
    out = json.get<T>();
    return nullptr;
}
const char* FromJsonValue(const Json& json, double& out) {
    if (!json.is_number()) return "a number";
    out = json.get<double>();
    return nullptr;
}
const char* FromJsonValue(const Json& json, OnOverflow& out) {
    if (!json.is_string()) return "truncate, drop or error";
    auto parsed = ParseOnOverflow(json.get<std::string>());
    if (!parsed.ok()) return "truncate, drop or error";
    out = *parsed;
    return nullptr;
}
template <typename T>
const char* FromJsonValue(const Json& json, std::optional<T>& out) {
    out.reset();
    if (json.is_null()) return nullptr;
    return FromJsonValue(json, out.emplace());
}
template <typename T>
const char* FromJsonValue(const Json& json, std::vector<T>& out) {
    if (!json.is_array()) return "a list";
    out.clear();
    for (const Json& item : json)
        if (const char* expected = FromJsonValue(item, out.emplace_back())) return expected;
    return nullptr;
}
template <typename T>
const char* FromJsonValue(const Json& json, std::vector<std::pair<std::string, T>>& out) {
    if (!json.is_object()) return "an object of names and values";
    out.clear();
    for (const auto& [name, value] : json.items())
        if (const char* expected = FromJsonValue(value, out.emplace_back(name, T{}).second))
            return expected;
    return nullptr;
}

absl::Status CheckNames(const FinetuneOptions& o) {
    auto one_of = [](std::string_view flag, const std::string& value,
                     std::initializer_list<std::string_view> names) {
        for (std::string_view name : names)
            if (value == name) return absl::OkStatus();
        return UsageError("--{} '{}' is not known; it takes {}", flag, value,
                          fmt::join(names, ", "));
    };
    if (o.method != "lora" && o.method != "qlora" && o.method != "full")
        return UsageError(
            "--method '{}' is not there; this version trains with --method lora, qlora or full",
            o.method);
    HONE_RETURN_IF_ERROR(one_of("torch_dtype", o.torch_dtype, {"bfloat16", "float16", "float32"}));
    HONE_RETURN_IF_ERROR(one_of("base_compute", o.base_compute, {"native", "int8"}));
    HONE_RETURN_IF_ERROR(one_of("report_to", o.report_to, {"tensorboard", "all", "none"}));
    HONE_RETURN_IF_ERROR(
        one_of("train_sampling_strategy", o.train_sampling_strategy, {"random", "sequential"}));
    HONE_RETURN_IF_ERROR(
        one_of("gradient_checkpointing", o.gradient_checkpointing, {"auto", "true", "false"}));
    if (std::find(kAdamWNames.begin(), kAdamWNames.end(), o.optim) == kAdamWNames.end())
        return UsageError("--optim '{}' is not there; hone has AdamW: {}", o.optim,
                          fmt::join(kAdamWNames, ", "));
    HONE_RETURN_IF_ERROR(ParseScheduleKind(o.lr_scheduler_type).status());
    return Metric::Parse(o.metric_for_best_model, o.greater_is_better).status();
}

// The fields of an adapter mean nothing where every weight is trained: none may be set.
absl::Status CheckFull(const FinetuneOptions& o) {
    if (o.method != "full") return absl::OkStatus();
    if (!o.adapter_path.empty())
        return UsageError(
            "--method full trains every weight of a model, --adapter_path {} is no model: "
            "leave it out, or use --method lora",
            o.adapter_path);
    FinetuneOptions ours, plain;
    ours.lora = o.lora;
    plain.lora.lora_dropout = o.lora.lora_dropout;  // another default on the command line
    const Json given = OptionsToJson(ours), expected = OptionsToJson(plain);
    for (const auto& [name, value] : given.items())
        if (value != expected[name])
            return UsageError(
                "--{} belongs to --method lora: --method full trains every weight of the model",
                name);
    return absl::OkStatus();
}

absl::Status CheckQuantisation(const FinetuneOptions& o) {
    if (o.quant_type != "nf4")
        return UsageError(
            "--quant_type '{}' is not there; hone has nf4, whose loss is the lower one of the two "
            "(arXiv:2305.14314)",
            o.quant_type);
    if (!o.double_quant && o.method != "qlora")
        return UsageError("--double_quant belongs to --method qlora: --method {} quantises nothing",
                          o.method);
    if (o.base_compute == "int8" && o.method != "lora")
        return UsageError(
            "--base_compute int8 belongs to --method lora: --method {} {}", o.method,
            o.method == "full" ? "has no frozen base" : "holds the base in 4 bits already");
    return absl::OkStatus();
}

absl::Status CheckRanges(const FinetuneOptions& o) {
    struct Range {
        const char* flag;
        double value, least, most;
    };
    constexpr double kMany = 1e12;
    const Range ranges[] = {
        {"per_device_train_batch_size", static_cast<double>(o.per_device_train_batch_size), 1,
         kMany},
        {"per_device_eval_batch_size", static_cast<double>(o.per_device_eval_batch_size), 1, kMany},
        {"gradient_accumulation_steps", static_cast<double>(o.gradient_accumulation_steps), 1,
         kMany},
        {"learning_rate", o.learning_rate, 0, kMany},
        {"warmup_ratio", o.warmup_ratio, 0, 1},
        {"warmup_steps", o.warmup_steps.value_or(0), 0, kMany},
        {"lr_power", o.lr_power, 0, 1e3},
        {"lr_end", o.lr_end, 0, kMany},
        {"num_decay_steps", static_cast<double>(o.num_decay_steps.value_or(0)), 0, kMany},
        {"min_lr_ratio", o.min_lr_ratio, 0, 1},
        {"adam_beta1", o.adam_beta1, 0, std::nextafter(1.0, 0.0)},
        {"adam_beta2", o.adam_beta2, 0, std::nextafter(1.0, 0.0)},
        {"weight_decay", o.weight_decay, 0, 1e3},
        {"max_grad_norm", o.max_grad_norm, 0, 1e9},
        {"max_seq_len", static_cast<double>(o.data.max_seq_len), 1, 1e8},
        {"micro_batch_tokens", static_cast<double>(o.micro_batch_tokens), 1, 1e8},
        {"logging_steps", static_cast<double>(o.logging_steps), 1, kMany},
        {"eval_steps", static_cast<double>(o.eval_steps), 0, kMany},
        {"save_steps", static_cast<double>(o.save_steps), 0, kMany},
        {"save_minutes", o.save_minutes, 0, kMany},
        {"save_total_limit", static_cast<double>(o.save_total_limit), 0, kMany},
        {"early_stopping_patience", static_cast<double>(o.early_stopping_patience), 0, kMany},
        {"early_stopping_threshold", o.early_stopping_threshold, 0, 1e9},
        {"threads", static_cast<double>(o.threads), 0, 1024},
        {"dataloader_num_workers", static_cast<double>(o.dataloader_num_workers), 0, 1024},
        {"lora_r", static_cast<double>(o.lora.r), 1, static_cast<double>(kMaxLoraRank)},
        {"lora_dropout", o.lora.lora_dropout, 0, std::nextafter(1.0, 0.0)},
    };
    for (const Range& range : ranges)
        if (!(range.value >= range.least && range.value <= range.most))  // also refuses NaN
            return UsageError("--{} is {}; it must be at least {} and at most {}", range.flag,
                              range.value, range.least, range.most);
    if (!std::isfinite(o.lora.lora_alpha))
        return UsageError("--lora_alpha is {}; it must be a number", o.lora.lora_alpha);
    // At 0 a weight whose gradient has always been 0 becomes 0 / 0.
    if (!(o.adam_epsilon > 0 && o.adam_epsilon <= 1))
        return UsageError("--adam_epsilon is {}; it must be above 0 and at most 1",
                          o.adam_epsilon);
    constexpr double kMostEpochs = 1e9;
    const bool none = o.num_train_epochs == 0 && o.max_steps > 0;
    if (!none && !(o.num_train_epochs > 0 && o.num_train_epochs <= kMostEpochs))
        return UsageError("--num_train_epochs is {}; it must be above 0 and at most {}",
                          o.num_train_epochs, kMostEpochs);
    return absl::OkStatus();
}

}  // namespace

Json OptionsToJson(const FinetuneOptions& options) {
    Json json = Json::object();
    VisitFields(options,
                [&](const char* name, const auto& field) { json[name] = ToJsonValue(field); });
    return json;
}

absl::StatusOr<FinetuneOptions> OptionsFromJson(const Json& json) {
    if (!json.is_object()) return UsageError("a configuration is a JSON object of flags");
    FinetuneOptions options;
    std::map<std::string, std::function<const char*(const Json&)>> readers;
    VisitFields(options, [&](const char* name, auto& field) {
        readers[name] = [&field](const Json& value) { return FromJsonValue(value, field); };
    });
    for (const auto& [key, value] : json.items()) {
        auto reader = readers.find(key);
        if (reader == readers.end())
            return UsageError("the configuration has '{}', which is no flag of finetune", key);
        if (const char* expected = reader->second(value))
            return UsageError("the configuration's '{}' must be {}", key, expected);
    }
    return options;
}

absl::Status ValidateOptions(const FinetuneOptions& o) {
    if (o.model_name_or_path.empty())
        return UsageError("--model_name_or_path is needed: a name, a folder or a .gguf file");
    if (o.data.data_name.empty())
        return UsageError("--data_name is needed: a file, or json, csv ... with --data_files");
    if (o.output_path.empty()) return UsageError("--output_path is empty");
    HONE_RETURN_IF_ERROR(CheckNames(o));
    HONE_RETURN_IF_ERROR(CheckRanges(o));
    HONE_RETURN_IF_ERROR(CheckFull(o));
    HONE_RETURN_IF_ERROR(CheckQuantisation(o));
    if (o.lr_scheduler_type == "polynomial" && o.lr_end >= o.learning_rate)
        return UsageError("--lr_end {} must be below --learning_rate {}", o.lr_end,
                          o.learning_rate);
    const bool no_eval =
        o.data.eval_split && (o.data.eval_split->empty() || *o.data.eval_split == "none");
    if (no_eval && o.data.eval_data_files.empty() &&
        (o.early_stopping_patience > 0 || o.load_best_model_at_end))
        return UsageError(
            "{} needs evaluation rows, and --eval_split turns them off",
            o.load_best_model_at_end ? "--load_best_model_at_end" : "--early_stopping_patience");
    return absl::OkStatus();
}

}  // namespace hone
