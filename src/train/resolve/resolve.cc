#include "train/resolve/resolve.h"

#include <algorithm>
#include <filesystem>

#include "absl/strings/ascii.h"
#include "base/files/file.h"
#include "base/text/shell_word.h"
#include "base/text/text_value.h"
#include "train/method/method.h"
#include "train/objective/objective.h"
#include "train/options/table.h"
#include "train/resolve/model_choice.h"
#include "train/resolve/task.h"

namespace hone {
namespace {

using Json = nlohmann::ordered_json;

std::filesystem::path TrainFile(const std::string& folder) {
    return std::filesystem::path(folder) / "train.jsonl";
}

// Whether a value says something: not "", false, null or an empty list.
bool Says(const Json& value) {
    if (value.is_boolean()) return value.get<bool>();
    if (value.is_string()) return !value.get_ref<const std::string&>().empty();
    return !value.is_null() && !(value.is_structured() && value.empty());
}

// The text of an option that has no member, in lower case; "" where it was not given.
std::string Word(const GivenOptions& given, std::string_view option) {
    const Json* value = given.Find(option);
    return value && value->is_string() ? absl::AsciiStrToLower(value->get<std::string>()) : "";
}

// Whether a switch that has no member was given as true.
bool IsOn(const GivenOptions& given, std::string_view option) {
    const Json* value = given.Find(option);
    if (value == nullptr) return false;
    return value->is_string() ? ReadBool(value->get_ref<const std::string&>()).value_or(false)
                              : *value == true;
}

// The defaults of the method and the objective, then what was given.
absl::Status Fill(const GivenOptions& given, FinetuneOptions& options,
                  std::vector<std::string>& notes) {
    const OptionNames& names = given.names();
    const auto read = [&](const std::string& option, const Json& value) -> absl::Status {
        const std::string problem = ReadOption(*FindOption(option), value, options);
        return problem.empty() ? absl::OkStatus() : UsageError("{}: {}", names(option), problem);
    };
    for (const char* option : {"method", "objective", "task"})
        if (const Json* value = given.Find(option)) HONE_RETURN_IF_ERROR(read(option, *value));
    const Method& method = MethodOf(options);
    auto of_objective = ObjectiveOf(options).defaults(method.peft_type().empty());
    // Embeddings are compared without dropout, as answers are, and tokens scored without.
    if (TrainsEmbeddings(options) || given.Has("loss"))
        of_objective.push_back({.option = "lora_dropout", .value = 0.0});
    const auto take = [&](const OptionDefault& entry, std::string_view of,
                          const std::string& value) -> absl::Status {
        HONE_RETURN_IF_ERROR(read(std::string(entry.option), entry.value));
        if (!entry.note.empty())
            notes.push_back(
                fmt::format("{} {}: {} where none is given", names.Plain(of), value, entry.note));
        return absl::OkStatus();
    };
    for (const OptionDefault& entry : method.defaults()) {
        const bool overridden =
            std::any_of(of_objective.begin(), of_objective.end(),
                        [&](const OptionDefault& other) { return other.option == entry.option; });
        if (given.Has(entry.option) || overridden) continue;
        HONE_RETURN_IF_ERROR(take(entry, "method", options.method));
    }
    for (const OptionDefault& entry : of_objective)
        if (!given.Has(entry.option))
            HONE_RETURN_IF_ERROR(take(entry, "objective", options.objective));
    for (const auto& [option, value] : given.values()) HONE_RETURN_IF_ERROR(read(option, value));
    return absl::OkStatus();
}

// Options of another method or objective, whatever they say.
absl::Status CheckMethod(const GivenOptions& given, const FinetuneOptions& options) {
    for (const auto& [option, value] : given.values()) {
        const OptionRow& row = *FindOption(option);
        HONE_RETURN_IF_ERROR(MethodOf(options).CheckTakes(row, given.names()));
        HONE_RETURN_IF_ERROR(ObjectiveOf(options).CheckTakes(row, given.names()));
        HONE_RETURN_IF_ERROR(CheckTaskTakes(row, options, given.names()));
    }
    return absl::OkStatus();
}

// transformers' words for how often to evaluate and to save.
absl::Status ResolveStrategies(const GivenOptions& given, FinetuneOptions& options) {
    const OptionNames& names = given.names();
    const std::string eval = Word(given, "eval_strategy");
    if (eval == "no") {
        if (options.eval_steps > 0 || options.data.eval_split)
            return UsageError("{} no contradicts {} and {}: leave them out", names("eval_strategy"),
                              names("eval_steps"), names("eval_split"));
        options.data.eval_split = "none";
    }
    if (eval == "epoch" && options.eval_steps > 0)
        return UsageError("{} epoch contradicts {} {}: give one", names("eval_strategy"),
                          names("eval_steps"), options.eval_steps);
    if (eval == "steps" && options.eval_steps == 0) options.eval_steps = options.logging_steps;
    if (Word(given, "save_strategy") == "no") options.save_steps = 0, options.save_minutes = 0;
    return absl::OkStatus();
}

absl::Status ResolveModel(const GivenOptions& given, ResolvedOptions& resolved) {
    FinetuneOptions& options = resolved.options;
    HONE_ASSIGN_OR_RETURN(options.adapter_path, FindAdapterFolder(options.adapter_path));
    HONE_ASSIGN_OR_RETURN(options.model_name_or_path,
                          ChooseModel(options.model_name_or_path, options.adapter_path,
                                      resolved.notes, given.names().Plain("model_name_or_path")));
    return absl::OkStatus();
}

absl::Status ResolveData(const GivenOptions& given, const std::string& folder,
                         ResolvedOptions& resolved) {
    DataOptions& data = resolved.options.data;
    // Each task has its own rows: those of the first stand for all until then.
    if (!resolved.options.task_data.empty()) {
        data.data_name = resolved.options.task_data.front().data_name;
        return absl::OkStatus();
    }
    HONE_RETURN_IF_ERROR(NameFormatByFiles(data));
    if (!data.data_name.empty()) return absl::OkStatus();
    const OptionNames& names = given.names();
    const std::filesystem::path train = TrainFile(folder);
    const std::filesystem::path validation = std::filesystem::path(folder) / "validation.jsonl";
    if (!IsFile(train))
        return UsageError(
            "no data: say which with {} FILE, or run in a folder that holds train.jsonl (and "
            "validation.jsonl)",
            names.Plain("data_name"));
    data.data_name = train.lexically_normal().string();
    std::string note =
        fmt::format("no {}: training on train.jsonl of this folder", names.Plain("data_name"));
    if (IsFile(validation) && !data.eval_split && data.eval_data_files.empty()) {
        data.eval_data_files = {validation.lexically_normal().string()};
        note += ", evaluating on validation.jsonl";
    }
    resolved.notes.push_back(std::move(note));
    return absl::OkStatus();
}

}  // namespace

std::string CommandLine(const FinetuneOptions& options) {
    GivenOptions kinds;  // what the defaults of others depend on
    for (const char* name : {"method", "objective", "task"})
        kinds.Set(name, OptionJson(*FindOption(name), options));
    const auto defaults = ReadGiven(kinds);
    HONE_CHECK(defaults.ok(), "options of no method");
    std::string line = "hone finetune";
    const FinetuneOptions plain;
    for (const OptionRow& row : OptionTable()) {
        if (!HasMember(row) || row.of_command || !Applies(row, options)) continue;
        const bool kind = kinds.Has(row.name);
        if (OptionJson(row, options) == OptionJson(row, kind ? plain : *defaults)) continue;
        line += fmt::format(" --{} {}", row.name, ShellWord(OptionText(row, options)));
    }
    return line;
}

absl::Status CheckExclusions(const GivenOptions& given, const FinetuneOptions& options) {
    const OptionNames& names = given.names();
    if (given.Has("double_quant") && options.quant_type == "gguf")
        return UsageError(
            "{} is of nf4 and fp4, and {} is gguf, whose blocks are as the file has them: leave it "
            "out",
            names("double_quant"), names("quant_type"));
    for (const auto& [option, value] : given.values()) {
        const OptionRow& row = *FindOption(option);
        if (row.excludes.empty() || !Says(OptionJson(row, options))) continue;
        for (std::string_view other : row.excludes) {
            if (!Says(OptionJson(*FindOption(other), options))) continue;
            if (other == "adapter_path")
                return UsageError(
                    "{} and {} exclude each other: {} says its own in adapter_config.json; leave "
                    "{} out, or train a new adapter without {}",
                    names(option), names(other), options.adapter_path, names.Plain(option),
                    names.Plain(other));
            return UsageError("{} and {} exclude each other: give one", names(option),
                              names(other));
        }
    }
    return absl::OkStatus();
}

bool HasData(const GivenOptions& given, const std::string& folder) {
    return given.Has("data_name") || given.Has("data_files") || IsFile(TrainFile(folder));
}

absl::StatusOr<FinetuneOptions> ReadGiven(const GivenOptions& given) {
    FinetuneOptions options;
    std::vector<std::string> notes;
    HONE_RETURN_IF_ERROR(Fill(given, options, notes));
    return options;
}

absl::StatusOr<ResolvedOptions> ResolveOptions(const GivenOptions& given,
                                               const std::string& folder) {
    ResolvedOptions resolved;
    FinetuneOptions& options = resolved.options;
    HONE_RETURN_IF_ERROR(Fill(given, options, resolved.notes));
    HONE_RETURN_IF_ERROR(CheckMethod(given, options));
    HONE_RETURN_IF_ERROR(CheckExclusions(given, options));
    if (IsOn(given, "trust_remote_code"))
        resolved.notes.push_back(fmt::format("{}: hone never runs code that comes with a model",
                                             given.names().Plain("trust_remote_code")));
    HONE_RETURN_IF_ERROR(ResolveModel(given, resolved));
    HONE_RETURN_IF_ERROR(ResolveData(given, folder, resolved));
    HONE_RETURN_IF_ERROR(ResolveStrategies(given, options));
    HONE_RETURN_IF_ERROR(ValidateOptions(options, given.names()));
    return resolved;
}

}  // namespace hone
