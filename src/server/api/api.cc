#include "server/api/api.h"

#include <cmath>

#include "base/clock.h"
#include "base/files/json_file.h"
#include "base/text/text.h"
#include "server/api/openapi.h"
#include "server/api/routes.h"
#include "server/http/log.h"
#include "server/message/ascii.h"
#include "server/page/page.h"

namespace hone::server {
namespace {

using Json = nlohmann::ordered_json;

constexpr char kCommonSchemas[] = R"json({
  "ErrorResponse": {
    "type": "object",
    "required": ["error"],
    "properties": {"error": {
      "type": "object",
      "required": ["message", "type", "param", "code"],
      "properties": {
        "message": {"type": "string"},
        "type": {"type": "string"},
        "param": {"type": ["string", "null"]},
        "code": {"type": ["string", "null"]}
      }
    }}
  },
  "Metadata": {
    "description": "up to 16 pairs that the client keeps with an object",
    "type": ["object", "null"],
    "maxProperties": 16,
    "additionalProperties": {"type": "string", "maxLength": 512}
  }
})json";

// The role that a route needs of a key.
platform::Role RoleFor(Access access) {
    if (access == Access::kAdmin) return platform::Role::kAdmin;
    return access == Access::kMember ? platform::Role::kMember : platform::Role::kViewer;
}

// The secret of "Bearer SECRET"; "" where the field is missing or another scheme's.
std::string_view SecretOf(const HttpRequest& request) {
    std::string_view field = request.headers.Get("authorization");
    if (!StartsIgnoringCase(field, "bearer ")) return "";
    field.remove_prefix(7);
    return StripSpaces(field);
}

bool IsJson(const HttpRequest& request) {
    const std::string_view type = request.headers.Get("content-type");
    return EqualsIgnoringCase(StripSpaces(type.substr(0, type.find(';'))), "application/json");
}

// The value of a JSON body; or the answer that refuses it.
std::optional<HttpResponse> ReadJsonBody(const HttpRequest& request, Json& value) {
    if (!IsJson(request))
        return ErrorResponse(
            ApiError{.status = 415,
                     .message = "The body must be JSON: send Content-Type: application/json"});
    auto parsed = ParseJson<Json>(request.body, "the request body");
    if (!parsed.ok())
        return ErrorResponse(ApiError{.message = std::string(parsed.status().message())});
    value = *std::move(parsed);
    return std::nullopt;
}

HttpResponse TooMany(int seconds) {
    return ErrorResponse(
        ApiError{.status = 429,
                 .message = fmt::format("Too many requests: try again in {} s.", seconds),
                 .code = "rate_limit_exceeded",
                 .retry_after = seconds});
}

}  // namespace

Api::Api(platform::Platform& platform, ApiOptions options)
    : platform_(platform),
      options_(options),
      requests_(options.requests_per_minute),
      wrong_keys_(options.wrong_keys_per_minute) {
    schemas_.Add(kCommonSchemas);
    AddStatusRoutes();
}

void Api::AddStatusRoutes() {
    const auto text = [](std::string body, int status = 200) {
        HttpResponse response{.status = status, .body = std::move(body)};
        response.headers.Add("Content-Type", "text/plain; charset=utf-8");
        return response;
    };
    const auto add = [&](std::string pattern, std::string operation, std::string summary,
                         std::function<HttpResponse(const Call&)> handle) {
        router_.Add({.method = "GET",
                     .pattern = std::move(pattern),
                     .operation = std::move(operation),
                     .summary = std::move(summary),
                     .access = Access::kOpen,
                     .response_type = "text/plain",
                     .handle = std::move(handle)});
    };
    add("/healthz", "health", "whether the server runs",
        [text](const Call&) { return text("ok\n"); });
    add("/readyz", "ready", "whether the server can take work", [this, text](const Call&) {
        if (draining_) return text("the server is ending\n", 503);
        const absl::Status status = platform_.CheckReady();
        if (status.ok()) return text("ok\n");
        LogLine(spdlog::level::err,
                {{"event", "not_ready"}, {"reason", std::string(status.message())}});
        return text("the store does not answer\n", 503);
    });
    add("/metrics", "metrics", "figures for Prometheus", [this, text](const Call&) {
        std::string all = metrics_.Text();
        for (const auto& figures : figures_) all += figures();
        return text(std::move(all));
    });
    router_.Add(
        {.method = "GET",
         .pattern = "/openapi.json",
         .operation = "openapi",
         .summary = "this description",
         .access = Access::kOpen,
         .handle = [this](const Call&) { return JsonResponse(DescribeApi(router_, schemas_)); }});
}

HttpResponse Api::Unrouted(const HttpRequest& request) const {
    const std::string allowed = router_.Allowed(request.path);
    if (allowed.empty())
        return ErrorResponse(ApiError{
            .status = 404,
            .message = fmt::format("Invalid URL ({} {:.200})", request.method, request.path),
            .code = "unknown_url"});
    const std::string methods = allowed + ", OPTIONS";
    HttpResponse response =
        request.method == "OPTIONS"
            ? HttpResponse{.status = 204}
            : ErrorResponse(ApiError{.status = 405,
                                     .message = fmt::format("Not allowed to {} on {:.200}: use {}",
                                                            request.method, request.path, allowed),
                                     .code = "method_not_supported"});
    response.headers.Add("Allow", methods);
    return response;
}

std::optional<HttpResponse> Api::Authenticate(const HttpRequest& request, Access access,
                                              platform::Caller& caller) {
    if (access == Access::kOpen) return std::nullopt;
    const std::string_view secret = SecretOf(request);
    if (secret.empty())
        return ErrorResponse(ApiError{
            .status = 401,
            .message = "You didn't provide an API key: send it as `Authorization: Bearer KEY`. "
                       "`hone keys create` makes one."});
    auto known = platform_.keys().Authenticate(secret);
    if (!known.ok()) {
        if (platform::RefusalOf(known.status()).kind == platform::RefusalKind::kUnauthenticated)
            if (const int wait = wrong_keys_.Take(request.client, NowSeconds()); wait > 0)
                return TooMany(wait);
        return ErrorResponse(known.status());
    }
    caller = *std::move(known);
    if (const int wait = requests_.Take(caller.key_id, NowSeconds()); wait > 0)
        return TooMany(wait);
    const absl::Status allowed = platform::RequireRole(caller, RoleFor(access));
    if (!allowed.ok()) return ErrorResponse(allowed);
    return std::nullopt;
}

Admission Api::Admit(HttpRequest& request) {
    const Router::Match match = router_.Find(request.method, request.path);
    if (match.route == nullptr) {
        if (auto page = PageResponse(request)) {
            request.route = "/";
            return {.refused = *std::move(page)};
        }
        return {.refused = Unrouted(request)};
    }
    const Route& route = *match.route;
    request.route = route.pattern;
    platform::Caller caller;
    auto refused = Authenticate(request, route.access, caller);
    request.project = caller.project;
    request.key_id = caller.key_id;
    if (refused) return {.refused = std::move(refused)};
    const Call call{.request = request, .caller = caller, .path = match.path};
    if (route.body == BodyKind::kForm) {
        auto sink = route.receive(call);
        if (!sink.ok()) return {.refused = ErrorResponse(sink.status())};
        return {.sink = *std::move(sink), .body_limit = route.body_limit};
    }
    Admission admission;
    admission.body_limit =
        route.body == BodyKind::kJson ? std::min(route.body_limit, options_.json_body_bytes) : 1024;
    admission.handle = [this, &route, caller = std::move(caller),
                        path = match.path](std::shared_ptr<Exchange> exchange) {
        HandleJson(route, {.request = exchange->request(), .caller = caller, .path = path},
                   exchange);
    };
    return admission;
}

void Api::HandleJson(const Route& route, Call call, std::shared_ptr<Exchange> exchange) const {
    if (route.body == BodyKind::kJson) {
        if (auto refused = ReadJsonBody(call.request, call.body))
            return exchange->Respond(*std::move(refused));
        if (const auto error = schemas_.Check(schemas_.Get(route.request_schema), call.body))
            return exchange->Respond(ErrorResponse(*error));
    } else if (!IsBlank(call.request.body) && call.request.body != "{}") {
        return exchange->Respond(ErrorResponse(ApiError{.message = "This request takes no body."}));
    }
    if (route.answer) return route.answer(call, std::move(exchange));
    exchange->Respond(route.handle(call));
}

HttpResponse Api::Refuse(int status, const std::string& message) {
    ApiError error{.status = status, .message = message};
    if (status == 503 || status == 429) error.retry_after = 1;
    return ErrorResponse(error);
}

void Api::OnAnswered(const Answered& answered) {
    metrics_.Count(answered);
    const HttpRequest& request = answered.request;
    LogLine(spdlog::level::info, {{"event", "request"},
                                  {"request_id", request.id},
                                  {"client", request.client},
                                  {"method", request.method},
                                  {"path", request.path.substr(0, 200)},
                                  {"status", answered.status},
                                  {"ms", std::round(answered.seconds * 1e6) / 1e3},
                                  {"received_bytes", answered.received_bytes},
                                  {"sent_bytes", answered.sent_bytes},
                                  {"project", request.project},
                                  {"key_id", request.key_id}});
}

}  // namespace hone::server
