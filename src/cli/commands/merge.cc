#include "deploy/merge.h"

#include <memory>

#include "base/text/json_text.h"
#include "base/text/text.h"
#include "base/watch.h"
#include "cli/commands/commands.h"
#include "cli/flags/common_flags.h"
#include "cli/terminal/live_line.h"
#include "cli/terminal/loading.h"
#include "cli/terminal/signals.h"

namespace hone {
namespace {

struct MergeFlags {
    ModelFlags model;
    MachineFlags machine;
    std::string output = "merged-model", shard_size = "5GB";
    bool json = false;

    void Add(CLI::App& app) {
        Flags flags(app);
        model.Add(flags);
        flags.Group("Output")
            .Text("-o,--output_path", output, "the folder to make; it must be empty or not there")
            .Text("--shard_size", shard_size, "the most that one file of weights holds")
            .Bool("--json", json, "prints JSON");
        machine.Add(flags);
    }
};

std::string TypeName(DType dtype) {
    return dtype == DType::kF32 ? "float32" : dtype == DType::kF16 ? "float16" : "bfloat16";
}

void Print(const MergeReport& report, const std::string& folder, bool json) {
    if (json) {
        fmt::print("{}", JsonText({{"output_path", folder},
                                   {"layers", report.layers},
                                   {"modules", report.modules},
                                   {"torch_dtype", TypeName(report.dtype)},
                                   {"files", report.files},
                                   {"bytes", report.bytes},
                                   {"difference", report.difference},
                                   {"tolerance", report.tolerance}}));
        return;
    }
    fmt::print("{}: {} in {}, {} file{}, with the deltas of {} layers", folder,
               FormatBytes(static_cast<size_t>(report.bytes)), TypeName(report.dtype), report.files,
               report.files == 1 ? "" : "s", report.layers);
    if (report.modules > 0) fmt::print(" and {} whole tensors", report.modules);
    fmt::print(
        "\nread back: its logits differ from those of base and adapter by {:.2g} of theirs, "
        "of {:.2g} that are allowed\n",
        report.difference, report.tolerance);
}

absl::Status RunMerge(const MergeFlags& flags) {
    HONE_RETURN_IF_ERROR(flags.machine.Apply());
    if (flags.model.adapter_path.empty())
        return UsageError("--adapter_path is needed: the adapter that goes into its base");
    MergeOptions options{.output = flags.output};
    HONE_ASSIGN_OR_RETURN(options.shard_bytes, ParseShardSize(flags.shard_size));
    const Context context(flags.machine.threads);
    HONE_ASSIGN_OR_RETURN(ChosenModel chosen, flags.model.Choose());
    HONE_ASSIGN_OR_RETURN(OpenedModel opened, FetchAndOpen(std::move(chosen)));
    options.adapter = opened.chosen.adapter;
    LiveLine line(stderr);
    const RunControl& control = StopOnInterrupt();
    const ScopedWatcher watcher([&](double, int64_t) {
        if (line.Due()) line.Show("merging ...");
        return !control.ending();
    });
    auto report = MergeAdapter(*opened.files, options, context);
    line.Clear();
    HONE_RETURN_IF_ERROR(report.status());
    Print(*report, flags.output, flags.json);
    return absl::OkStatus();
}

}  // namespace

void AddMerge(CLI::App& root, std::vector<Command>& commands) {
    CLI::App* app =
        AddCommand(root, "merge", "merges an adapter into its base: a model that needs no PEFT");
    auto flags = std::make_shared<MergeFlags>();
    flags->Add(*app);
    commands.push_back({app, [flags] { return RunMerge(*flags); }});
}

}  // namespace hone
