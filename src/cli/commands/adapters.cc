#include <cmath>
#include <memory>

#include "adapt/combine.h"
#include "answer/trained_form.h"
#include "base/text/json_text.h"
#include "base/text/text.h"
#include "base/text/text_value.h"
#include "cli/commands/commands.h"
#include "cli/flags/common_flags.h"
#include "cli/terminal/layout.h"
#include "train/output/adapter_folders.h"
#include "train/resolve/model_choice.h"

namespace hone {
namespace {

struct AdaptersFlags {
    LogFlags log;
    std::string folder = ".", output = "combined-adapter";
    std::vector<std::string> adapters, weights;
    CombineOptions combine;
    bool json = false;
};

// "LoRA r=16", "IA3".
std::string Kind(const LoraConfig& config) {
    if (config.peft_type != "LORA") return config.peft_type;
    return fmt::format("{} r={}", config.use_dora ? "DoRA" : "LoRA", config.r);
}

absl::Status RunListAdapters(const AdaptersFlags& flags) {
    HONE_ASSIGN_OR_RETURN(const std::vector<AdapterListing> adapters, ListAdapters(flags.folder));
    if (flags.json) {
        nlohmann::ordered_json json = nlohmann::ordered_json::array();
        for (const AdapterListing& adapter : adapters)
            json.push_back({{"path", adapter.path},
                            {"task_name", adapter.task_name},
                            {"peft_type", adapter.config.peft_type},
                            {"r", adapter.config.r},
                            {"task_type", adapter.config.task_type},
                            {"base_model_name_or_path", adapter.config.base_model_name_or_path},
                            {"bytes", adapter.bytes},
                            {"problem", adapter.problem}});
        fmt::print("{}", JsonText(json));
        return absl::OkStatus();
    }
    if (adapters.empty()) {
        fmt::print("no adapter in {}\n", flags.folder);
        return absl::OkStatus();
    }
    size_t path = 4, task = 4;
    for (const AdapterListing& adapter : adapters) {
        path = std::max(path, adapter.path.size());
        task = std::max(task, adapter.task_name.size());
    }
    fmt::print("{:<{}}  {:<{}}  {:<12}  {:<10}  {}\n", "PATH", path, "TASK", task, "KIND", "SIZE",
               "BASE");
    for (const AdapterListing& adapter : adapters)
        fmt::print("{:<{}}  {:<{}}  {:<12}  {:<10}  {}\n", Printable(adapter.path), path,
                   Printable(adapter.task_name), task,
                   adapter.problem.empty() ? Kind(adapter.config) : "broken",
                   FormatBytes(static_cast<size_t>(adapter.bytes)),
                   Printable(adapter.problem.empty() ? adapter.config.base_model_name_or_path
                                                     : adapter.problem));
    return absl::OkStatus();
}

absl::Status RunCombineAdapters(const AdaptersFlags& flags) {
    CombineOptions options = flags.combine;
    if (flags.adapters.size() < 2)
        return UsageError(
            "two adapters or more are needed: --adapter_path FOLDER --adapter_path FOLDER");
    if (flags.output.empty()) return UsageError("--output_path is empty");
    for (const std::string& adapter : flags.adapters) {
        HONE_ASSIGN_OR_RETURN(std::string folder, FindAdapterFolder(adapter));
        options.folders.push_back(std::move(folder));
    }
    const size_t count = flags.adapters.size();
    if (!flags.weights.empty() && flags.weights.size() != count)
        return UsageError("--adapter_weights has {} numbers for {} adapters: give one for each",
                          flags.weights.size(), count);
    options.weights.assign(count, 1.0 / static_cast<double>(count));
    for (size_t i = 0; i < flags.weights.size(); ++i) {
        const std::string problem = ReadNumber(flags.weights[i], options.weights[i]);
        if (!problem.empty()) return UsageError("--adapter_weights: {}", problem);
        if (std::abs(options.weights[i]) > 1e6)
            return UsageError("--adapter_weights {} is outside -1e6 to 1e6", flags.weights[i]);
    }
    if (options.svd_rank < 0)
        return UsageError(
            "--svd_rank {} is below 1; leave it out for the largest rank of the "
            "adapters",
            options.svd_rank);
    if (options.svd_rank > 0 && options.combination != "svd")
        return UsageError("--svd_rank belongs to --combination_type svd");
    HONE_ASSIGN_OR_RETURN(const CombinedAdapter combined, CombineAdapters(options, flags.output));
    fmt::print("{}: {} of {} adapters, rank {} on {} layers\n", flags.output, options.combination,
               count, combined.rank, combined.layers);
    HONE_ASSIGN_OR_RETURN(const std::string differs,
                          KeepTrainedForm(options.folders, flags.output));
    if (!differs.empty())
        fmt::print(stderr,
                   "note: how prompts are put is not kept: {}; say it with --raw and "
                   "--system_prompt\n",
                   differs);
    return absl::OkStatus();
}

absl::Status RunRemoveAdapter(const AdaptersFlags& flags) {
    HONE_ASSIGN_OR_RETURN(const int64_t freed, RemoveAdapter(flags.folder));
    fmt::print("removed {}: {} freed\n", flags.folder, FormatBytes(static_cast<size_t>(freed)));
    return absl::OkStatus();
}

}  // namespace

void AddAdapters(CLI::App& root, std::vector<Command>& commands) {
    CLI::App* adapters =
        AddCommand(root, "adapters", "lists, combines and removes adapters of a base");
    const auto add = [&](const char* name, const char* help, const auto& add_flags,
                         absl::Status (*run)(const AdaptersFlags&)) {
        CLI::App* app = AddCommand(*adapters, name, help);
        auto flags = std::make_shared<AdaptersFlags>();
        Flags adder(*app);
        add_flags(adder, *flags);
        flags->log.Add(adder);
        commands.push_back({app, [flags, run]() -> absl::Status {
                                HONE_RETURN_IF_ERROR(flags->log.Apply());
                                return run(*flags);
                            }});
    };
    add(
        "list", "lists the adapters in a folder and those below it",
        [](Flags& adder, AdaptersFlags& flags) {
            adder.Positional("FOLDER", flags.folder, "where to look; default: this folder", false)
                .Bool("--json", flags.json, "prints JSON");
        },
        RunListAdapters);
    add(
        "combine", "makes one adapter of several, as a weighted sum",
        [](Flags& adder, AdaptersFlags& flags) {
            adder
                .Repeated("-a,--adapter_path", flags.adapters,
                          "an adapter's folder or that of its run, once for each")
                .List("--adapter_weights", flags.weights,
                      "a number for each, such as 0.7,0.3; below 0 takes away what it adds; "
                      "default: the same for all, 1 together")
                .Choice("--combination_type", flags.combine.combination,
                        {std::begin(kCombinations), std::end(kCombinations)},
                        "PEFT's words; cat: the exact sum, its rank is that of all together; svd: "
                        "the nearest to the sum of --svd_rank; linear: sums of the factors, which "
                        "mixes adapters")
                .Integer("--svd_rank", flags.combine.svd_rank,
                         "the rank for svd; 0: the largest of the adapters")
                .Group("Output")
                .Text("-o,--output_path", flags.output,
                      "the folder to make; it must be empty or not there");
        },
        RunCombineAdapters);
    add(
        "rm", "removes an adapter, without asking, and says what that freed",
        [](Flags& adder, AdaptersFlags& flags) {
            flags.folder.clear();
            adder.Positional("FOLDER", flags.folder, "the adapter's folder, or that of its run");
        },
        RunRemoveAdapter);
}

}  // namespace hone
