#include "train/finetune.h"

#include <memory>
#include <utility>
#include <vector>

#include "cli/commands/commands.h"
#include "cli/flags/finetune_flags.h"
#include "cli/terminal/loading.h"
#include "cli/terminal/progress.h"
#include "cli/terminal/signals.h"
#include "train/resolve/tasks.h"

namespace hone {
namespace {

absl::Status RunFinetune(const FinetuneFlags& flags) {
    HONE_RETURN_IF_ERROR(flags.log().Apply());
    HONE_ASSIGN_OR_RETURN(const GivenOptions given, flags.Given());
    HONE_ASSIGN_OR_RETURN(const ResolvedOptions resolved, FinetuneFlags::Resolve(given));
    const FinetuneOptions& options = resolved.options;
    const std::vector<FinetuneOptions> tasks = TasksOf(options);
    SharedBase base;
    std::vector<std::string> notes = resolved.notes;
    for (size_t i = 0; i < tasks.size(); ++i) {
        EventStream events;
        ProgressReporter reporter(options.model_name_or_path);
        const ScopedSink shown(events, reporter);
        if (tasks.size() > 1)
            notes.push_back(
                fmt::format("task {} of {}: {}", i + 1, tasks.size(), tasks[i].task_name));
        for (const std::string& note : std::exchange(notes, {}))
            events.Emit(RunMessage{MessageLevel::kInfo, note});
        HONE_RETURN_IF_ERROR(
            Finetune(tasks[i], events, StopOnSignals(), tasks.size() > 1 ? &base : nullptr));
    }
    return absl::OkStatus();
}

}  // namespace

void AddFinetune(CLI::App& root, std::vector<Command>& commands) {
    CLI::App* app =
        AddCommand(root, "finetune", "trains an adapter, or every weight, on a file of examples");
    auto flags = std::make_shared<FinetuneFlags>();
    flags->Add(*app);
    commands.push_back({app, [flags] { return RunFinetune(*flags); }});
}

}  // namespace hone
