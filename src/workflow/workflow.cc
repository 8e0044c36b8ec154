#include "workflow/workflow.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "fmt/ranges.h"
#include "workflow/sections.h"

namespace hone {
namespace {

using Kind = KeyRule::Kind;

constexpr std::string_view kOneMachine = "hone computes on this machine's CPU";
constexpr std::string_view kNoCache =
    "hone keeps no results of passes; models lie where the environment variable HONE_CACHE says";
constexpr std::string_view kOwnMeasures =
    "a run measures loss, perplexity and token accuracy on the evaluation rows itself";

constexpr KeyRule kWorkflowRules[] = {
    {"output_dir output_path", Kind::kOption, "output_path"},
    {"output_name no_artifacts plot_pareto_frontier", Kind::kIgnored,
     "output_dir holds the adapter and the reports of the run"},
    {"systems host target azureml_client workflow_host accelerator", Kind::kIgnored, kOneMachine},
    {"evaluators evaluator evaluate_input_model", Kind::kIgnored, kOwnMeasures},
    {"search_strategy auto_optimizer_config builds", Kind::kRefused,
     "searching is not available in this version: give the passes that are wanted"},
    {"packaging_config", Kind::kRefused, "hone packs no archives; output_dir holds the result"},
    {"data_root", Kind::kRefused, "name the files with their folder in data_files"},
    {"cache_dir clean_cache clean_evaluation_cache clean_run_cache enable_shared_cache "
     "cache_config",
     Kind::kIgnored, kNoCache},
    {"log_severity_level log_to_file ort_log_severity_level ort_py_log_severity_level",
     Kind::kIgnored, "--log_level says what is logged"},
    {"workflow_id package_config user_script_dir", Kind::kIgnored, "it is for Olive alone"},
};
constexpr KeyRule kPassRules[] = {
    {"name disable_search output_name", Kind::kIgnored, "it is for Olive's search and cache"},
    {"host evaluator clean_run_cache", Kind::kIgnored, kOneMachine},
};

// What stands at the top, in the order in which it has to be read.
struct Parts {
    std::vector<const NodeEntry*> models, training;
    const NodeEntry* data = nullptr;
    const NodeEntry* passes = nullptr;
};

absl::Status ReadTop(const Document& document, SectionReader& reader, Parts& parts) {
    SectionReader::Section section{.rules = kWorkflowRules};
    for (const char* key : {"input_model", "model"})
        section.handlers[key] = [&](const NodeEntry& entry, const std::string& path) {
            if (!parts.models.empty())
                return UsageError("{} and {} are the same: give one", parts.models.front()->key,
                                  reader.Name(entry, path));
            parts.models.push_back(&entry);
            return absl::OkStatus();
        };
    for (const char* key : {"training_config", "training_args"})
        section.handlers[key] = [&](const NodeEntry& entry, const std::string&) {
            parts.training.push_back(&entry);
            return absl::OkStatus();
        };
    section.handlers["data_configs"] = [&](const NodeEntry& entry, const std::string&) {
        parts.data = &entry;
        return absl::OkStatus();
    };
    section.handlers["passes"] = [&](const NodeEntry& entry, const std::string&) {
        parts.passes = &entry;
        return absl::OkStatus();
    };
    // Olive takes the keys of its engine here or at the top.
    section.handlers["engine"] = [&](const NodeEntry& entry, const std::string& path) {
        HONE_RETURN_IF_ERROR(reader.RequireMap(entry, path));
        return reader.Read(entry.value, JoinPath(path, entry.key), {.rules = kWorkflowRules});
    };
    return reader.Read(document.root, "", section);
}

// A list of maps with a name each, or a map by name.
absl::StatusOr<std::map<std::string, const Node*>> DataConfigs(const NodeEntry* entry,
                                                               const SectionReader& reader) {
    std::map<std::string, const Node*> configs;
    if (entry == nullptr || entry->value.is_null()) return configs;
    if (entry->value.is_map()) {
        for (const NodeEntry& config : entry->value.entries) {
            HONE_RETURN_IF_ERROR(reader.RequireMap(config, entry->key));
            configs[config.key] = &config.value;
        }
        return configs;
    }
    for (const Node& config : entry->value.items) {
        const NodeEntry* name = config.Find("name");
        if (name == nullptr || !name->value.is_scalar())
            return UsageError("{}: an entry of data_configs is a map with a name",
                              reader.document().Where(config.place));
        if (!configs.emplace(name->value.text, &config).second)
            return UsageError("{}: two data_configs are called {}",
                              reader.document().Where(name->place), name->value.text);
    }
    return configs;
}

// The passes with their names, in their order: Olive has them as a list, by name, or several by one
// name.
std::vector<std::pair<std::string, const Node*>> Passes(const NodeEntry& entry) {
    std::vector<std::pair<std::string, const Node*>> passes;
    const auto add = [&](const std::string& path, const Node& node) {
        if (!node.is_list()) return passes.emplace_back(path, &node), void();
        for (size_t i = 0; i < node.items.size(); ++i)
            passes.emplace_back(fmt::format("{}.{}", path, i), &node.items[i]);
    };
    if (entry.value.is_map()) {
        for (const NodeEntry& pass : entry.value.entries)
            add(JoinPath(entry.key, pass.key), pass.value);
    } else {
        add(entry.key, entry.value);
    }
    return passes;
}

absl::StatusOr<const PassKind*> KindOfPass(const std::string& path, const Node& pass,
                                           const SectionReader& reader) {
    std::vector<std::string_view> types;
    for (const PassKind* kind : PassKinds()) types.push_back(kind->type());
    const NodeEntry* type = pass.Find("type");
    if (type == nullptr || !type->value.is_scalar())
        return UsageError("{}: {} needs a type: {}", reader.document().Where(pass.place), path,
                          fmt::join(types, ", "));
    for (const PassKind* kind : PassKinds())
        if (absl::AsciiStrToLower(std::string(kind->type())) ==
            absl::AsciiStrToLower(type->value.text))
            return kind;
    return UsageError("{}: this version has no pass of type {}; it has {}",
                      reader.Name(*type, path), type->value.text, fmt::join(types, ", "));
}

absl::StatusOr<std::unique_ptr<Pass>> ReadPass(
    const std::string& path, const Node& pass,
    const std::map<std::string, const Node*>& data_configs, const GivenOptions& stronger,
    SectionReader& reader) {
    HONE_ASSIGN_OR_RETURN(const PassKind* kind, KindOfPass(path, pass, reader));
    const NodeEntry* config = pass.Find("config");
    if (config == nullptr || config->value.is_null()) {
        // Today's Olive has the keys of the configuration beside the type.
        Node keys = pass;
        std::erase_if(keys.entries, [](const NodeEntry& entry) {
            return entry.key == "type" || entry.key == "config" || entry.key == "disable_search";
        });
        return kind->Read(
            {.config = keys, .path = path, .data_configs = data_configs, .stronger = stronger},
            reader);
    }
    HONE_RETURN_IF_ERROR(reader.RequireMap(*config, path));
    SectionReader::Section section{.rules = kPassRules};
    for (const char* key : {"type", "config"})
        section.handlers[key] = [](const NodeEntry&, const std::string&) {
            return absl::OkStatus();
        };
    HONE_RETURN_IF_ERROR(reader.Read(pass, path, section));
    return kind->Read({.config = config->value,
                       .path = path + ".config",
                       .data_configs = data_configs,
                       .stronger = stronger},
                      reader);
}

}  // namespace

absl::StatusOr<Workflow> ReadWorkflow(const Document& document, const GivenOptions& stronger) {
    SectionReader reader(document);
    Parts parts;
    HONE_RETURN_IF_ERROR(ReadTop(document, reader, parts));
    for (const NodeEntry* model : parts.models)
        HONE_RETURN_IF_ERROR(ReadModelSection(*model, "", reader));
    for (const NodeEntry* arguments : parts.training)
        HONE_RETURN_IF_ERROR(ReadTrainingArguments(*arguments, "", reader));
    HONE_ASSIGN_OR_RETURN(const auto data_configs, DataConfigs(parts.data, reader));
    const auto passes =
        parts.passes ? Passes(*parts.passes) : std::vector<std::pair<std::string, const Node*>>();
    if (passes.empty())
        return UsageError(
            "{}: a workflow needs passes; `hone run --list_passes` lists them. "
            "Options without passes are for `hone finetune --config`",
            document.path);
    if (passes.size() > 1)
        return UsageError(
            "{}: {} comes after {}: this version runs one pass, give the others "
            "files of their own",
            document.Where(passes[1].second->place), passes[1].first, passes[0].first);
    Workflow workflow;
    for (const auto& [path, node] : passes) {
        HONE_ASSIGN_OR_RETURN(auto pass, ReadPass(path, *node, data_configs, stronger, reader));
        workflow.passes.push_back(std::move(pass));
    }
    workflow.notes = std::move(reader.notes());
    return workflow;
}

}  // namespace hone
