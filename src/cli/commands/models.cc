#include <filesystem>
#include <memory>

#include "base/text/json_text.h"
#include "base/text/text.h"
#include "chat/inspect.h"
#include "cli/commands/commands.h"
#include "cli/flags/common_flags.h"
#include "cli/terminal/layout.h"
#include "cli/terminal/loading.h"
#include "hub/catalogue.h"

namespace hone {
namespace {

struct ModelsFlags {
    LogFlags log;
    std::string name;
    bool json = false;
};

absl::Status RunPull(const ModelsFlags& flags) {
    HONE_RETURN_IF_ERROR(FetchModel(flags.name));
    HONE_ASSIGN_OR_RETURN(HubOptions hub, HubOptions::FromEnvironment());
    HONE_ASSIGN_OR_RETURN(std::string path, LocateModel(flags.name, hub));
    fmt::print("{}\n", path);
    return absl::OkStatus();
}

absl::Status RunList(const ModelsFlags& flags) {
    HONE_ASSIGN_OR_RETURN(HubOptions hub, HubOptions::FromEnvironment());
    const std::vector<ModelListing> models = ListModels(hub);
    if (flags.json) {
        nlohmann::ordered_json json = nlohmann::ordered_json::array();
        for (const ModelListing& model : models) {
            json.push_back({{"name", model.name},
                            {"repo", model.repo},
                            {"description", model.description},
                            {"path", model.path},
                            {"bytes", model.bytes},
                            {"unfinished", model.unfinished}});
            if (model.entry)
                json.back().update({{"parameters", model.entry->parameters},
                                    {"kind", model.entry->kind},
                                    {"context", model.entry->context},
                                    {"licence", model.entry->licence},
                                    {"gated", model.entry->gated}});
        }
        fmt::print("{}", JsonText(json));
        return absl::OkStatus();
    }
    size_t width = 4;
    int64_t all = 0;
    for (const ModelListing& model : models) {
        width = std::max(width, model.name.size());
        if (!hub.cache.empty() && model.path.starts_with(hub.cache + "/")) all += model.bytes;
    }
    fmt::print("{:<{}}  {:<10}  {}\n", "NAME", width, "HERE", "WHAT IT IS");
    for (const ModelListing& model : models) {
        fmt::print("{:<{}}  {:<10}  {}{}\n", model.name, width,
                   model.path.empty() ? "-" : FormatBytes(model.bytes), model.description,
                   model.unfinished ? " (unfinished: `hone models pull` goes on)" : "");
    }
    if (all > 0)
        fmt::print("\n{} in {}; `hone models rm NAME` frees it.\n", FormatBytes(all), hub.cache);
    fmt::print("\nA folder, a .gguf file and org/repo on the Hugging Face Hub are models too.\n");
    return absl::OkStatus();
}

absl::Status RunRemove(const ModelsFlags& flags) {
    std::error_code error;
    if (std::filesystem::exists(flags.name, error))
        return UsageError("{} is a file or folder of yours, which hone does not remove",
                          flags.name);
    HONE_ASSIGN_OR_RETURN(HubOptions hub, HubOptions::FromEnvironment());
    HONE_ASSIGN_OR_RETURN(const int64_t freed, RemoveModel(flags.name, hub));
    fmt::print("removed {}: {} freed\n", flags.name, FormatBytes(freed));
    return absl::OkStatus();
}

absl::Status RunInspect(const ModelsFlags& flags) {
    HONE_RETURN_IF_ERROR(FetchModel(flags.name));
    HONE_ASSIGN_OR_RETURN(const std::string path, LocateOrPullModel(flags.name));
    HONE_ASSIGN_OR_RETURN(const auto files, OpenModel(path));
    HONE_ASSIGN_OR_RETURN(const auto chat, OpenChat(*files));
    const ModelSummary model = Summarize(*files, *chat);
    if (flags.json) {
        fmt::print("{}", JsonText(ToJson(model)));
        return absl::OkStatus();
    }
    const auto row = [](std::string_view name, const std::string& value) {
        fmt::print("  {:<13} {}\n", name, value);
    };
    fmt::print("{}\n", model.path);
    row("architecture", model.architecture);
    row("parameters", FormatCount(model.parameters));
    std::string types;
    for (const auto& [type, count] : model.parameters_by_type) {
        types += fmt::format("{}{} {}", types.empty() ? "" : ", ", FormatCount(count), type);
    }
    row("weights", fmt::format("{}: {}", FormatBytes(model.weight_bytes), types));
    row("layers", fmt::format("{} of {} channels, {} in the MLP", model.layers, model.hidden_size,
                              model.intermediate_size));
    row("attention", fmt::format("{} heads, {} for keys and values, {} channels each", model.heads,
                                 model.kv_heads, model.head_dim));
    row("context", FormatCount(model.context_length) + " tokens");
    row("vocabulary", fmt::format("{} tokens, the tokenizer knows {}; the head {}",
                                  FormatCount(model.vocab_size), FormatCount(model.tokenizer_size),
                                  model.tied_embeddings ? "shares the embedding's weights"
                                                        : "has its own weights"));
    row("tokens", fmt::format("BOS {}, EOS {}", model.bos_token.empty() ? "none" : model.bos_token,
                              model.eos_token.empty() ? "none" : model.eos_token));
    row("chat template", model.chat_template ? "its own" : "none; ChatML stands in");
    return absl::OkStatus();
}

}  // namespace

void AddModels(CLI::App& root, std::vector<Command>& commands) {
    CLI::App* models = AddCommand(root, "models", "fetches, lists, inspects and removes models");
    const auto add = [&](const char* name, const char* help,
                         absl::Status (*run)(const ModelsFlags&), bool takes_name, bool has_json) {
        CLI::App* app = AddCommand(*models, name, help);
        auto flags = std::make_shared<ModelsFlags>();
        Flags adder(*app);
        if (takes_name)
            adder.Positional("NAME", flags->name,
                             "a catalogue name, org/repo, a folder or a .gguf file");
        if (has_json) adder.Bool("--json", flags->json, "prints JSON");
        flags->log.Add(adder);
        commands.push_back({app, [flags, run]() -> absl::Status {
                                HONE_RETURN_IF_ERROR(flags->log.Apply());
                                return run(*flags);
                            }});
    };
    add("pull", "fetches a model into the cache and prints where it lies", RunPull, true, false);
    add("list", "lists the models that have a name, and those that are in the cache", RunList,
        false, true);
    add("inspect", "says what a model is", RunInspect, true, true);
    add("rm", "removes a model from the cache, without asking, and says what that freed", RunRemove,
        true, false);
}

}  // namespace hone
