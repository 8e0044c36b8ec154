#include <memory>
#include <utility>

#include "cli/commands/commands.h"
#include "cli/flags/common_flags.h"
#include "cli/terminal/loading.h"
#include "cli/terminal/progress.h"
#include "cli/terminal/signals.h"
#include "workflow/workflow.h"

namespace hone {
namespace {

struct RunFlags {
    std::string config, output_path;
    bool setup = false, dry_run = false, list_passes = false;
    LogFlags log;

    void Add(CLI::App& app) {
        Flags flags(app);
        flags.Group("Workflow")
            .Text("--config", config,
                  "the workflow, a .yaml or .json file: input_model, data_configs and passes, as "
                  "Olive has them")
            .Bool("--setup", setup,
                  "fetches and checks the model and the data, trains nothing and writes no output")
            .Bool("--dry_run", dry_run,
                  "checks the workflow, writes its options with all defaults to "
                  "OUTPUT/config.json, and trains nothing")
            .Bool("--list_passes", list_passes,
                  "prints what passes there are, with the options that they take")
            .Text("-o,--output_path", output_path, "the output folder, in place of output_dir");
        log.Add(flags);
    }
};

absl::Status RunWorkflow(const RunFlags& flags) {
    HONE_RETURN_IF_ERROR(flags.log.Apply());
    if (flags.list_passes) {
        fmt::print("{}", DescribePassKinds());
        return absl::OkStatus();
    }
    if (flags.config.empty())
        return UsageError("hone run needs --config FILE, a workflow in YAML or JSON");
    if (flags.setup && flags.dry_run)
        return UsageError("--setup and --dry_run exclude each other: give one");
    HONE_ASSIGN_OR_RETURN(const Document document, ReadDocument(flags.config));
    GivenOptions stronger;
    if (!flags.output_path.empty()) stronger.Set("output_path", flags.output_path);
    if (flags.dry_run) stronger.Set("dry_run", true);
    HONE_ASSIGN_OR_RETURN(const Workflow workflow, ReadWorkflow(document, stronger));
    ProgressReporter reporter(workflow.passes.front()->model());
    std::vector<std::string> notes = workflow.notes;
    for (const auto& pass : workflow.passes) {
        EventStream events;
        const ScopedSink shown(events, reporter);
        for (const std::string& note : std::exchange(notes, {}))
            events.Emit(RunMessage{MessageLevel::kInfo, note});
        const PassHost host{.events = events,
                            .control = StopOnSignals(),
                            .fetch_model = FetchModel,
                            .fetch_dataset = FetchDataset};
        HONE_RETURN_IF_ERROR(flags.setup ? pass->SetUp(host) : pass->Run(host));
    }
    return absl::OkStatus();
}

}  // namespace

void AddRun(CLI::App& root, std::vector<Command>& commands) {
    CLI::App* app = AddCommand(root, "run", "runs a workflow from a YAML or JSON file");
    auto flags = std::make_shared<RunFlags>();
    flags->Add(*app);
    commands.push_back({app, [flags] { return RunWorkflow(*flags); }});
}

}  // namespace hone
