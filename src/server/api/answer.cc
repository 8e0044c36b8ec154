#include "server/api/answer.h"

#include <spdlog/spdlog.h>

#include "platform/api/refusal.h"

namespace hone::server {
namespace {

using platform::RefusalKind;

std::string_view TypeOf(int status) {
    if (status == 429) return "rate_limit_error";
    return status >= 500 ? "server_error" : "invalid_request_error";
}

int StatusOf(RefusalKind kind) {
    switch (kind) {
        case RefusalKind::kInvalid:
        case RefusalKind::kConflict:
            return 400;
        case RefusalKind::kUnauthenticated:
            return 401;
        case RefusalKind::kForbidden:
            return 403;
        case RefusalKind::kNotFound:
            return 404;
        case RefusalKind::kLimit:
            return 429;
        case RefusalKind::kUnavailable:
            return 503;
        case RefusalKind::kInternal:
            break;
    }
    return 500;
}

}  // namespace

nlohmann::ordered_json TextOrNull(const std::string& text) {
    return text.empty() ? nlohmann::ordered_json(nullptr) : nlohmann::ordered_json(text);
}

nlohmann::ordered_json ErrorEnvelope(const ApiError& error) {
    return {{"error",
             {{"message", error.message},
              {"type", TypeOf(error.status)},
              {"param", TextOrNull(error.param)},
              {"code", TextOrNull(error.code)}}}};
}

HttpResponse ErrorResponse(const ApiError& error) {
    HttpResponse response = JsonResponse(ErrorEnvelope(error), error.status);
    if (error.retry_after > 0)
        response.headers.Add("Retry-After", fmt::format("{}", error.retry_after));
    // An SDK would wait and try again what cannot succeed soon.
    if (error.code == "insufficient_quota") response.headers.Add("x-should-retry", "false");
    return response;
}

HttpResponse ErrorResponse(const absl::Status& status) {
    const platform::Refusal refusal = platform::RefusalOf(status);
    ApiError error{.status = StatusOf(refusal.kind),
                   .message = std::string(status.message()),
                   .param = refusal.param,
                   .code = refusal.code};
    if (refusal.kind == RefusalKind::kUnavailable) error.retry_after = 1;
    if (refusal.kind == RefusalKind::kLimit && error.code.empty())
        error.code = "rate_limit_exceeded";
    if (refusal.kind == RefusalKind::kInternal) {
        spdlog::error("{}", std::string(status.message()));
        error.message = "The server had an error while processing your request.";
    }
    return ErrorResponse(error);
}

HttpResponse JsonResponse(const nlohmann::ordered_json& json, int status) {
    HttpResponse response{.status = status, .body = CompactJson(json)};
    response.headers.Add("Content-Type", "application/json");
    return response;
}

HttpResponse DeletedResponse(const absl::Status& done, const std::string& id,
                             std::string_view object) {
    if (!done.ok()) return ErrorResponse(done);
    return JsonResponse({{"id", id}, {"object", object}, {"deleted", true}});
}

std::string CompactJson(const nlohmann::ordered_json& json) {
    return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace hone::server
