#include <fcntl.h>

#include <memory>
#include <optional>

#include "base/error_report.h"
#include "cli/commands/commands.h"
#include "cli/flags/common_flags.h"
#include "cli/terminal/signals.h"
#include "train/control/command_reader.h"
#include "train/events/json_lines.h"
#include "train/finetune.h"
#include "train/job.h"

namespace hone {
namespace {

struct WorkerFlags {
    std::string job;
    std::optional<int64_t> events;
    int64_t control = 0;
    bool estimate = false;
    LogFlags log;

    void Add(CLI::App& app) {
        Flags flags(app);
        flags.Text("--job", job, "the file that says what to run; docs/events.md describes it")
            .Integer("--events", events,
                     "the file descriptor that the events are written to, one JSON object a line")
            .Integer("--control", control,
                     "the file descriptor that commands are read from, one a line: pause, go, "
                     "cancel, stop")
            .Bool("--estimate", estimate,
                  "says what the job would take, by the event `plan`, and trains nothing");
        log.Add(flags);
    }
    absl::Status Check() const {
        if (job.empty()) return UsageError("--job FILE is needed: what to run");
        if (!events) return UsageError("--events FD is needed: where the events go");
        for (const auto& [flag, fd] : {std::pair("--events", *events), {"--control", control}})
            if (fd < 0 || fd > INT32_MAX || fcntl(static_cast<int>(fd), F_GETFD) < 0)
                return UsageError("{} {}: no file is open under that number", flag, fd);
        return absl::OkStatus();
    }
};

absl::Status RunWorker(const WorkerFlags& flags) {
    HONE_RETURN_IF_ERROR(flags.log.Apply());
    HONE_RETURN_IF_ERROR(flags.Check());
    EventStream events;
    JsonLineSink lines(static_cast<int>(*flags.events));
    const ScopedSink written(events, lines);
    RunControl& control = StopOnSignals();
    const CommandReader commands(static_cast<int>(flags.control), control, events);
    auto options = ReadJob(flags.job);
    if (options.ok())
        return flags.estimate ? EstimateFinetune(*options, events, control)
                              : Finetune(*options, events, control);
    const absl::Status& status = options.status();
    events.Emit(RunFailed{std::string(ErrorCode(KindOf(status))), std::string(status.message()),
                          ExitCode(status)});
    return status;
}

}  // namespace

void AddWorker(CLI::App& root, std::vector<Command>& commands) {
    CLI::App* app =
        AddCommand(root, "worker", "runs a job for another program, which hears of it as events");
    auto flags = std::make_shared<WorkerFlags>();
    flags->Add(*app);
    commands.push_back({app, [flags] { return RunWorker(*flags); }});
}

}  // namespace hone
