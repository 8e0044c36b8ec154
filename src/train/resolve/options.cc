#include "train/options/options.h"

#include "adapt/bottleneck.h"
#include "train/method/method.h"
#include "train/objective/objective.h"
#include "train/options/given.h"
#include "train/options/table.h"
#include "train/resolve/task.h"
#include "train/resolve/tasks.h"

namespace hone {
namespace {

using Json = nlohmann::ordered_json;

bool InConfigurations(const OptionRow& row) { return HasMember(row) && !row.of_command; }

// What belongs to another method or objective must be as if nobody had touched it.
absl::Status CheckOfOthers(const FinetuneOptions& options, const OptionNames& names) {
    const FinetuneOptions untouched;
    for (const OptionRow& row : OptionTable()) {
        if (!HasMember(row) || OptionJson(row, options) == OptionJson(row, untouched)) continue;
        HONE_RETURN_IF_ERROR(MethodOf(options).CheckTakes(row, names));
        HONE_RETURN_IF_ERROR(ObjectiveOf(options).CheckTakes(row, names));
        HONE_RETURN_IF_ERROR(CheckTaskTakes(row, options, names));
    }
    return absl::OkStatus();
}

// The slopes of a preference are those of log-probabilities without dropout.
absl::Status CheckDropout(const FinetuneOptions& options, const OptionNames& names) {
    if (ObjectiveOf(options).direct() || options.lora.lora_dropout == 0) return absl::OkStatus();
    return UsageError("{} {}: {} {} compares answers without dropout; leave it out, or give 0",
                      names("lora_dropout"), options.lora.lora_dropout, names.Plain("objective"),
                      options.objective);
}

absl::Status CheckEpochs(const FinetuneOptions& o, const OptionNames& names) {
    constexpr double kMostEpochs = 1e9;
    const bool none = o.num_train_epochs == 0 && o.max_steps > 0;
    if (none || (o.num_train_epochs > 0 && o.num_train_epochs <= kMostEpochs))
        return absl::OkStatus();
    return UsageError("{} is {}; it must be above 0 and at most {}", names("num_train_epochs"),
                      o.num_train_epochs, kMostEpochs);
}

absl::Status CheckVirtualTokens(const FinetuneOptions& o, const OptionNames& names) {
    const bool text = o.lora.prompt_tuning_init == "text";
    if (text == o.lora.prompt_tuning_init_text.empty())
        return UsageError("{} text and {} belong together: give both, or neither",
                          names("prompt_tuning_init"), names("prompt_tuning_init_text"));
    if (!MethodOf(o).LiesInLayers() && o.layerwise_lr_decay != 1)
        return UsageError("{} is for what lies in a layer, and the tokens of {} {} lie in none",
                          names("layerwise_lr_decay"), names.Plain("method"), o.method);
    return absl::OkStatus();
}

absl::Status CheckBottleneck(const FinetuneOptions& o, const OptionNames& names) {
    const std::string& name = o.bottleneck.non_linearity;
    if (name.empty() || HasActivation(name)) return absl::OkStatus();
    return UsageError("{}: \"{}\" is none of relu, swish, gelu, gelu_new",
                      names("adapter_non_linearity"), name);
}

absl::Status CheckTaskOfMethod(const FinetuneOptions& o, const OptionNames& names) {
    const std::string_view other = MethodOf(o).ForHeads();
    if (other.empty() || o.task == "text-generation") return absl::OkStatus();
    return UsageError("{} {} is for {} text-generation: for {} use {} lora, or {}", names("method"),
                      o.method, names.Plain("task"), o.task, names.Plain("method"), other);
}

}  // namespace

Json OptionsToJson(const FinetuneOptions& options) {
    Json json = Json::object();
    for (const OptionRow& row : OptionTable())
        if (InConfigurations(row) && Applies(row, options))
            json[std::string(row.name)] = OptionJson(row, options);
    return json;
}

absl::StatusOr<FinetuneOptions> OptionsFromJson(const Json& json) {
    if (!json.is_object()) return UsageError("a configuration is a JSON object of options");
    FinetuneOptions options;
    for (const auto& [key, value] : json.items()) {
        const OptionRow* row = FindOption(key);
        if (row == nullptr || !InConfigurations(*row))
            return UsageError("the configuration has '{}', which is no option of a run", key);
        if (std::string problem = ReadOption(*row, value, options); !problem.empty())
            return UsageError("the configuration's '{}': {}", key, problem);
    }
    return options;
}

Json ComparedOptions(const FinetuneOptions& options, bool evaluations_decide) {
    Json json = Json::object();
    for (const OptionRow& row : OptionTable())
        if (row.effect == Effect::kResult ||
            ((row.effect == Effect::kObjective || row.effect == Effect::kTask) &&
             Applies(row, options)) ||
            (evaluations_decide && row.effect == Effect::kEvaluations))
            json[std::string(row.name)] = OptionJson(row, options);
    return json;
}

absl::Status ValidateOptions(const FinetuneOptions& o, const OptionNames& names) {
    if (o.model_name_or_path.empty())
        return UsageError("{} is needed: a name, a folder or a .gguf file",
                          names("model_name_or_path"));
    if (o.data.data_name.empty())
        return UsageError("{} is needed: a file, or json, csv ... with {}", names("data_name"),
                          names("data_files"));
    if (o.output_path.empty()) return UsageError("{} is empty", names("output_path"));
    for (const OptionRow& row : OptionTable()) {
        const std::string problem = CheckValue(row, o);
        if (!problem.empty()) return UsageError("{}{}", names(row.name), problem);
    }
    HONE_RETURN_IF_ERROR(CheckEpochs(o, names));
    HONE_RETURN_IF_ERROR(ParseCsvSeparator(o.data.csv_separator).status());
    HONE_RETURN_IF_ERROR(CheckOfOthers(o, names));
    HONE_RETURN_IF_ERROR(CheckTask(o, names));
    HONE_RETURN_IF_ERROR(CheckTasks(o, names));
    HONE_RETURN_IF_ERROR(CheckDropout(o, names));
    HONE_RETURN_IF_ERROR(CheckVirtualTokens(o, names));
    HONE_RETURN_IF_ERROR(CheckBottleneck(o, names));
    HONE_RETURN_IF_ERROR(CheckTaskOfMethod(o, names));
    if (o.lora.use_dora && o.lora.init_lora_weights != "true")
        return UsageError("{} and {} {} exclude each other: give one", names("use_dora"),
                          names("init_lora_weights"), o.lora.init_lora_weights);
    if (o.lora.init_lora_weights == "loftq" && !MethodOf(o).QuantizesBase())
        return UsageError("{} loftq starts from what NF4 takes from the base: it needs {} qlora",
                          names("init_lora_weights"), names.Plain("method"));
    if (o.lora.init_lora_weights == "loftq" && o.quant_type != "nf4")
        return UsageError("{} loftq starts from what NF4 takes from the base, and {} is {}",
                          names("init_lora_weights"), names("quant_type"), o.quant_type);
    if (o.lora.use_dora && o.base_compute == "int8")
        return UsageError("{} needs products that are exact, and {} int8 has none: use native",
                          names("use_dora"), names("base_compute"));
    if (o.lr_scheduler_type == "polynomial" && o.lr_end >= o.learning_rate)
        return UsageError("{} {} must be below {} {}", names("lr_end"), o.lr_end,
                          names("learning_rate"), o.learning_rate);
    const bool no_eval =
        o.data.eval_split && (o.data.eval_split->empty() || *o.data.eval_split == "none");
    if (no_eval && o.data.eval_data_files.empty() &&
        (o.early_stopping_patience > 0 || o.load_best_model_at_end))
        return UsageError(
            "{} needs evaluation rows, and {} turns them off",
            names(o.load_best_model_at_end ? "load_best_model_at_end" : "early_stopping_patience"),
            names("eval_split"));
    return absl::OkStatus();
}

absl::Status ValidateOptions(const FinetuneOptions& options) {
    return ValidateOptions(options, OptionNames());
}

}  // namespace hone
