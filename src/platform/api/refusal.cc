#include "platform/api/refusal.h"

#include "absl/strings/cord.h"

namespace hone::platform {
namespace {

constexpr char kKindUrl[] = "hone/refusal-kind";
constexpr char kParamUrl[] = "hone/refusal-param";
constexpr char kCodeUrl[] = "hone/refusal-code";

absl::StatusCode CodeOf(RefusalKind kind) {
    switch (kind) {
        case RefusalKind::kInvalid:
            return absl::StatusCode::kInvalidArgument;
        case RefusalKind::kUnauthenticated:
            return absl::StatusCode::kUnauthenticated;
        case RefusalKind::kForbidden:
            return absl::StatusCode::kPermissionDenied;
        case RefusalKind::kNotFound:
            return absl::StatusCode::kNotFound;
        case RefusalKind::kConflict:
            return absl::StatusCode::kFailedPrecondition;
        case RefusalKind::kLimit:
            return absl::StatusCode::kResourceExhausted;
        case RefusalKind::kUnavailable:
            return absl::StatusCode::kUnavailable;
        case RefusalKind::kInternal:
            break;
    }
    return absl::StatusCode::kInternal;
}

std::string Payload(const absl::Status& status, const char* url) {
    const auto payload = status.GetPayload(url);
    return payload ? std::string(*payload) : std::string();
}

}  // namespace

absl::Status Refuse(Refusal refusal, std::string message) {
    absl::Status status(CodeOf(refusal.kind), message);
    status.SetPayload(kKindUrl, absl::Cord(std::to_string(static_cast<int>(refusal.kind))));
    status.SetPayload(kParamUrl, absl::Cord(refusal.param));
    status.SetPayload(kCodeUrl, absl::Cord(refusal.code));
    return status;
}

Refusal RefusalOf(const absl::Status& status) {
    const std::string kind = Payload(status, kKindUrl);
    if (kind.empty()) return {};
    return {static_cast<RefusalKind>(std::stoi(kind)), Payload(status, kParamUrl),
            Payload(status, kCodeUrl)};
}

}  // namespace hone::platform
