#include "answer/openai/api_error.h"

#include "absl/strings/cord.h"

namespace hone {
namespace {

using Json = nlohmann::ordered_json;

constexpr char kPayload[] = "hone/api-error";

Json OrNull(std::string_view text) { return text.empty() ? Json() : Json(std::string(text)); }

}  // namespace

absl::Status HttpError(int status, std::string_view type, std::string message,
                       std::string_view param, std::string_view code) {
    absl::Status error = UsageError("{}", message);
    const Json payload = {
        {"status", status}, {"type", type}, {"param", OrNull(param)}, {"code", OrNull(code)}};
    error.SetPayload(kPayload,
                     absl::Cord(payload.dump(-1, ' ', false, Json::error_handler_t::replace)));
    return error;
}

absl::Status RequestError(std::string message, std::string_view param, std::string_view code) {
    return HttpError(400, "invalid_request_error", std::move(message), param, code);
}

ApiFailure DescribeFailure(const absl::Status& status) {
    ApiFailure failure;
    failure.error = {{"message", std::string(status.message())},
                     {"type", "server_error"},
                     {"param", nullptr},
                     {"code", nullptr}};
    if (const auto payload = status.GetPayload(kPayload)) {
        const Json json = Json::parse(std::string(*payload));
        failure.status = json["status"];
        for (const char* member : {"type", "param", "code"}) failure.error[member] = json[member];
        return failure;
    }
    switch (KindOf(status)) {
        case ErrorKind::kUsage:
        case ErrorKind::kData:
            failure.status = 400;
            failure.error["type"] = "invalid_request_error";
            break;
        case ErrorKind::kMemory:
            failure.status = 429;
            failure.error["type"] = "rate_limit_error";
            failure.error["code"] = "rate_limit_exceeded";
            break;
        default:
            break;
    }
    return failure;
}

}  // namespace hone
