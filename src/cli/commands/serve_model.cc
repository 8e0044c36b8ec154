#include "answer/serving/serve_model.h"

#include <fcntl.h>

#include <memory>

#include "cli/commands/commands.h"
#include "cli/flags/common_flags.h"
#include "cli/terminal/signals.h"

namespace hone {
namespace {

struct ServeModelFlags {
    std::string model, adapter;
    WeightFlags weights;
    MachineFlags machine;
    int64_t requests = 0, answers = 1, cache_megabytes = 0, max_running = 64, max_queued = 1024;

    void Add(CLI::App& app) {
        Flags flags(app);
        flags.Group("Model")
            .Text("-m,--model_name_or_path", model,
                  "a name from `hone models list`, a folder, a .gguf file, or org/repo")
            .Text("-a,--adapter_path", adapter,
                  "an adapter that is a part of the model from the start, for those that cannot "
                  "stand beside the base; requests then name no other");
        weights.Add(flags);
        flags.Group("Requests")
            .Integer("--requests", requests,
                     "the file descriptor that requests are read from, one JSON object a line; "
                     "docs/serving.md describes them")
            .Integer("--answers", answers, "the file descriptor that answers are written to")
            .Integer("--cache_megabytes", cache_megabytes,
                     "memory for the caches of the answers in progress; 0: half of what is free")
            .Integer("--max_running", max_running, "answers that are written side by side")
            .Integer("--max_queued", max_queued, "answers that wait beside them");
        machine.Add(flags);
    }
    absl::Status Check() const {
        if (model.empty()) return UsageError("--model_name_or_path is needed: what to serve");
        for (const auto& [flag, fd] : {std::pair("--requests", requests), {"--answers", answers}})
            if (fd < 0 || fd > INT32_MAX || fcntl(static_cast<int>(fd), F_GETFD) < 0)
                return UsageError("{} {}: no file is open under that number", flag, fd);
        for (const auto& [flag, value] :
             {std::pair("--max_running", max_running), {"--max_queued", max_queued}})
            if (value < 1 || value > 65536)
                return UsageError("{} {} is outside 1 to 65536", flag, value);
        if (cache_megabytes < 0 || cache_megabytes > (int64_t{1} << 30))
            return UsageError("--cache_megabytes {} is no size", cache_megabytes);
        return absl::OkStatus();
    }
};

absl::Status RunServeModel(const ServeModelFlags& flags) {
    HONE_RETURN_IF_ERROR(flags.machine.Apply());
    HONE_RETURN_IF_ERROR(flags.Check());
    ServeModelOptions options;
    options.load = flags.weights.options();
    options.model.engine.max_running = flags.max_running;
    options.model.engine.max_queued = static_cast<size_t>(flags.max_queued);
    if (flags.cache_megabytes > 0)
        options.cache_bytes = static_cast<size_t>(flags.cache_megabytes) << 20;
    options.requests_fd = static_cast<int>(flags.requests);
    options.answers_fd = static_cast<int>(flags.answers);
    const RunControl& control = StopOnSignals();
    const ModelFlags model{.model_name_or_path = flags.model, .adapter_path = flags.adapter};
    HONE_ASSIGN_OR_RETURN(ChosenModel chosen, model.Choose());
    const Context context(flags.machine.threads);
    return ServeModel(std::move(chosen), options, context, control);
}

}  // namespace

void AddServeModel(CLI::App& root, std::vector<Command>& commands) {
    CLI::App* app = AddCommand(root, "serve-model",
                               "answers the requests of a server, which hears of it line by line");
    auto flags = std::make_shared<ServeModelFlags>();
    flags->Add(*app);
    commands.push_back({app, [flags] { return RunServeModel(*flags); }});
}

}  // namespace hone
