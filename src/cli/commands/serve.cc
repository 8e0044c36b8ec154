#include "server/serve.h"

#include <memory>
#include <utility>

#include "base/machine/machine_limits.h"
#include "cli/commands/commands.h"
#include "cli/flags/common_flags.h"
#include "cli/flags/config_file.h"
#include "cli/terminal/loading.h"
#include "cli/terminal/signals.h"
#include "hub/catalogue.h"
#include "server/http/log.h"
#include "workflow/document.h"

namespace hone {
namespace {

constexpr char kDefaultModel[] = "smollm2-135m-instruct";

// "NAME=VALUE" as its two parts; without "=" the value is empty.
std::pair<std::string, std::string> SplitPair(const std::string& text) {
    const size_t equals = std::min(text.find('='), text.size());
    return {text.substr(0, equals), text.substr(std::min(equals + 1, text.size()))};
}

struct ServeFlags {
    CLI::App* app = nullptr;
    std::string config;
    bool check_config = false, default_aliases = true;
    int port = 8080, jobs = 1, job_threads = 0, models_at_once = 8;
    int64_t job_memory_mb = 0, model_memory_mb = 0;
    std::vector<std::string> models, aliases;
    server::ServeOptions options;
    LogFlags log{.log_level = 1};

    void Add(CLI::App& command);
    // The options from the flags, models located (and, where `fetch`, fetched) by name.
    absl::StatusOr<server::ServeOptions> Resolve(bool fetch);
    absl::Status AddModel(const std::string& given, bool fetch, server::ServeOptions& resolved);
};

void ServeFlags::Add(CLI::App& command) {
    app = &command;
    platform::PlatformOptions& platform = options.platform;
    server::HttpServerOptions& http = options.http;
    Flags flags(command);
    flags.Group("Server")
        .Text("--data-dir", platform.data_dir, "where files, jobs, models and keys are kept")
        .Text("--config", config,
              "a .yaml or .json file with flags of this command and their values; what the command "
              "line gives is stronger")
        .Bool("--check-config", check_config, "checks the flags and the file, and ends")
        .Text("--database", platform.database,
              "postgresql://... or sqlite://PATH, in place of hone.db in the data folder");
    flags.Group("Network")
        .Text("--host", http.host, "the address to listen on")
        .Integer("--port", port, "the port; 0: any that is free")
        .Text("--tls-cert", http.tls_cert, "the certificate (PEM), for https")
        .Text("--tls-key", http.tls_key, "its key (PEM)")
        .Bool("--insecure", options.insecure,
              "listens on other addresses than this machine's own without TLS")
        .Integer("--requests-per-minute", options.api.requests_per_minute,
                 "of one key; 0: no limit")
        .Integer("--connections-per-client", http.limits.connections_per_client,
                 "open at once from one address");
    flags.Group("Models")
        .Repeated("--model", models,
                  "a base model to fine-tune and to ask: a catalogue name or org/repo, or "
                  "NAME=PATH for a folder or .gguf file; without one, smollm2-135m-instruct")
        .Repeated("--alias", aliases, "NAME=MODEL: another name of a base model")
        .Bool("--default-aliases", default_aliases,
              "gpt-3.5-turbo, gpt-4o-mini and other names that client code asks for mean the "
              "first model")
        .Text("--organization", platform.organization, "a part of the names of fine-tuned models")
        .Integer("--max-models", models_at_once, "base models in memory at once")
        .Integer("--model-memory-mb", model_memory_mb, "of all models in memory; 0: no limit");
    flags.Group("Jobs")
        .Integer("--max-jobs", jobs, "that run at the same time")
        .Integer("--job-threads", job_threads, "of each; 0: the CPUs shared out among them")
        .Integer("--job-memory-mb", job_memory_mb, "of each; 0: no limit");
    log.Add(flags);
}

absl::Status ServeFlags::AddModel(const std::string& given, bool fetch,
                                  server::ServeOptions& resolved) {
    auto [name, path] = SplitPair(given);
    if (path.empty()) path = name;
    // org/repo: what stands after the slash is the name.
    name = name.substr(name.rfind('/') + 1);
    if (fetch) {
        HONE_RETURN_IF_ERROR(FetchModel(path));
        HONE_ASSIGN_OR_RETURN(path, LocateOrPullModel(path));
    }
    resolved.platform.models.push_back({name, path});
    return absl::OkStatus();
}

absl::StatusOr<server::ServeOptions> ServeFlags::Resolve(bool fetch) {
    server::ServeOptions resolved = options;
    if (port < 0 || port > 65535) return UsageError("--port {} is no port", port);
    if (jobs < 1 || models_at_once < 1)
        return UsageError("--max-jobs and --max-models are at least 1");
    if (job_threads < 0 || job_memory_mb < 0 || model_memory_mb < 0)
        return UsageError("--job-threads, --job-memory-mb and --model-memory-mb are not negative");
    if (resolved.api.requests_per_minute < 0 || resolved.http.limits.connections_per_client < 1)
        return UsageError(
            "--requests-per-minute is not negative, --connections-per-client at least 1");
    resolved.http.port = static_cast<uint16_t>(port);
    resolved.platform.max_running_jobs = jobs;
    resolved.platform.worker_threads = job_threads;
    resolved.platform.memory_limit_bytes = job_memory_mb << 20;
    resolved.inference.program = "/proc/self/exe";
    resolved.inference.max_children = static_cast<size_t>(models_at_once);
    if (model_memory_mb > 0)
        resolved.inference.memory_bytes = static_cast<size_t>(model_memory_mb) << 20;
    for (const std::string& model :
         models.empty() ? std::vector<std::string>{kDefaultModel} : models)
        HONE_RETURN_IF_ERROR(AddModel(model, fetch, resolved));
    if (default_aliases)
        resolved.platform.aliases = server::DefaultAliases(resolved.platform.models[0].name);
    for (const std::string& alias : aliases) {
        auto [name, model] = SplitPair(alias);
        if (model.empty()) return UsageError("--alias {}: it is NAME=MODEL", alias);
        resolved.platform.aliases[name] = model;
    }
    HONE_RETURN_IF_ERROR(server::CheckServeOptions(resolved));
    return resolved;
}

absl::Status RunServe(ServeFlags& flags) {
    if (!flags.config.empty()) {
        HONE_ASSIGN_OR_RETURN(const Document document, ReadDocument(flags.config));
        HONE_RETURN_IF_ERROR(ApplyConfig(*flags.app, document));
    }
    HONE_RETURN_IF_ERROR(flags.log.Apply());
    HONE_ASSIGN_OR_RETURN(const server::ServeOptions options,
                          flags.Resolve(/*fetch=*/!flags.check_config));
    if (flags.check_config) {
        fmt::print("the configuration is good\n");
        return absl::OkStatus();
    }
    const RunControl& control = StopOnSignals();
    server::LogAsJson();
    return server::Serve(options, control, [](const server::Started& started) {
        fmt::print("hone listens at {}/v1\n", started.url);
        if (!started.first_key.empty())
            fmt::print(
                "The first start made an admin key. It is shown this once:\n"
                "  export OPENAI_BASE_URL={}/v1\n  export OPENAI_API_KEY={}\n",
                started.url, started.first_key);
        std::fflush(stdout);
    });
}

}  // namespace

void AddServe(CLI::App& root, std::vector<Command>& commands) {
    CLI::App* app = AddCommand(root, "serve",
                               "serves OpenAI's fine-tuning API: files, jobs, and models to ask");
    auto flags = std::make_shared<ServeFlags>();
    flags->Add(*app);
    commands.push_back({app, [flags] { return RunServe(*flags); }});
}

}  // namespace hone
