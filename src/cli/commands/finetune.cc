#include "train/finetune.h"

#include <memory>

#include "cli/commands/commands.h"
#include "cli/flags/finetune_flags.h"
#include "cli/terminal/loading.h"
#include "cli/terminal/progress.h"
#include "cli/terminal/signals.h"

namespace hone {
namespace {

absl::Status RunFinetune(const FinetuneFlags& flags) {
    HONE_RETURN_IF_ERROR(flags.log().Apply());
    HONE_ASSIGN_OR_RETURN(const GivenOptions given, flags.Given());
    HONE_ASSIGN_OR_RETURN(const ResolvedOptions resolved, FinetuneFlags::Resolve(given));
    const FinetuneOptions& options = resolved.options;
    EventStream events;
    ProgressReporter reporter(options.model_name_or_path);
    const ScopedSink shown(events, reporter);
    for (const std::string& note : resolved.notes)
        events.Emit(RunMessage{MessageLevel::kInfo, note});
    return Finetune(options, events, StopOnSignals());
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
