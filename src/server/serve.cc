#include "server/serve.h"

#include <spdlog/spdlog.h>

#include <chrono>
#include <thread>
#include <utility>

#include "server/api/routes.h"
#include "server/http/log.h"
#include "server/inference/routes.h"

namespace hone::server {
namespace {

bool IsLoopback(const std::string& address) {
    return address == "::1" || address.starts_with("127.");
}

bool IsModelName(const std::string& name) {
    return !name.empty() && name.size() <= 100 &&
           name.find_first_not_of(
               "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
               "-._") == std::string::npos;
}

absl::Status CheckModels(const platform::PlatformOptions& options) {
    std::map<std::string, int> names;
    for (const platform::BaseModel& model : options.models) {
        if (!IsModelName(model.name))
            return UsageError(
                "--model {}: a name has up to 100 letters, digits, \"-\", \".\" and \"_\"; give "
                "one "
                "in front of the path, NAME=PATH",
                model.name);
        if (++names[model.name] > 1) return UsageError("--model {} is given twice", model.name);
    }
    for (const auto& [alias, model] : options.aliases) {
        if (!IsModelName(alias)) return UsageError("--alias {}: that is no name", alias);
        if (!names.contains(model))
            return UsageError("--alias {}={}: there is no --model {}", alias, model, model);
    }
    return absl::OkStatus();
}

// The processes that answer requests, for /metrics. The label is the file's or folder's name.
std::string InferenceFigures(const InferencePool& pool) {
    std::string text;
    const std::vector<InferenceChild> children = pool.Children();
    const auto add = [&](const char* name, const char* type, const char* help, auto value) {
        text += fmt::format("# HELP {} {}\n# TYPE {} {}\n", name, help, name, type);
        for (const InferenceChild& child : children)
            text += fmt::format("{}{{base=\"{}\"}} {}\n", name,
                                child.base.substr(child.base.rfind('/') + 1), value(child));
    };
    add("hone_model_ready", "gauge", "Whether the model's process takes requests.",
        [](const InferenceChild& child) { return child.state == "ready" ? 1 : 0; });
    add("hone_model_requests", "gauge", "Requests that it has, or that wait for it to start.",
        [](const InferenceChild& child) { return child.requests; });
    add("hone_model_memory_bytes", "gauge", "Memory that it takes.",
        [](const InferenceChild& child) { return child.memory_bytes; });
    add("hone_model_restarts_total", "counter", "Starts after one that went wrong.",
        [](const InferenceChild& child) { return child.restarts; });
    return text;
}

}  // namespace

std::map<std::string, std::string> DefaultAliases(const std::string& model) {
    std::map<std::string, std::string> aliases;
    for (const char* name :
         {"gpt-3.5-turbo", "gpt-3.5-turbo-0125", "gpt-3.5-turbo-1106", "gpt-35-turbo",
          "gpt-4o-mini", "gpt-4o-mini-2024-07-18", "gpt-4.1-mini", "gpt-4.1-mini-2025-04-14",
          "gpt-4.1-nano", "gpt-4.1-nano-2025-04-14"})
        if (name != model) aliases[name] = model;
    return aliases;
}

absl::Status CheckServeOptions(ServeOptions& options) {
    HttpServerOptions& http = options.http;
    if (http.host == "localhost") http.host = "127.0.0.1";
    if (http.tls_cert.empty() != http.tls_key.empty())
        return UsageError("--tls-cert and --tls-key go together: give both");
    if (!IsLoopback(http.host) && http.tls_cert.empty() && !options.insecure)
        return UsageError(
            "--host {} is reached from other machines, and keys would cross the network in the "
            "clear: give --tls-cert and --tls-key, or --insecure where a proxy in front does TLS",
            http.host);
    if (options.platform.data_dir.empty())
        return UsageError("--data-dir DIR is needed: where files, jobs and models are kept");
    if (options.platform.models.empty())
        return UsageError("--model NAME is needed: a base model to fine-tune and to ask");
    return CheckModels(options.platform);
}

absl::Status Serve(const ServeOptions& options, const RunControl& control,
                   const std::function<void(const Started&)>& on_start) {
    HONE_ASSIGN_OR_RETURN(const auto platform, platform::Platform::Open(options.platform));
    HONE_ASSIGN_OR_RETURN(const auto first_key, platform->keys().CreateFirst());
    InferencePool pool(options.inference);
    Api api(*platform, options.api);
    AddFileRoutes(api, *platform);
    AddUploadRoutes(api, *platform);
    AddJobRoutes(api, *platform);
    AddPermissionRoutes(api, *platform);
    AddModelRoutes(api, *platform);
    AddAdminRoutes(api, *platform);
    AddPullRoutes(api, *platform);
    AddAdviceRoutes(api, *platform);
    AddInferenceRoutes(api, *platform, pool);
    AddStoredCompletionRoutes(api, *platform);
    AddGraderRoutes(api, *platform, pool);
    AddResponseRoutes(api, *platform, pool);
    AddBaseRoutes(api, *platform, pool);
    AddSystemRoutes(api, *platform, pool);
    api.AddFigures([&pool] { return InferenceFigures(pool); });
    HONE_RETURN_IF_ERROR(platform->Start());
    HONE_ASSIGN_OR_RETURN(const auto http, HttpServer::Start(options.http, api));

    const bool v6 = options.http.host.find(':') != std::string::npos;
    const Started started{
        .url = fmt::format("{}://{}{}{}:{}", options.http.tls_cert.empty() ? "http" : "https",
                           v6 ? "[" : "", options.http.host, v6 ? "]" : "", http->port()),
        .first_key = first_key ? first_key->secret : ""};
    LogLine(spdlog::level::info, {{"event", "started"}, {"url", started.url}});
    on_start(started);
    while (!control.ending()) std::this_thread::sleep_for(std::chrono::milliseconds(100));

    LogLine(spdlog::level::info, {{"event", "ending"}, {"connections", http->connections()}});
    api.BeginDrain();
    http->Stop();
    platform->Stop();
    LogLine(spdlog::level::info, {{"event", "ended"}});
    return absl::OkStatus();
}

}  // namespace hone::server
