#include "base/status.h"

#include <cstdio>
#include <cstdlib>

#include "absl/strings/cord.h"

namespace hone {
namespace {

constexpr char kKindUrl[] = "hone/error-kind";

absl::StatusCode CodeOf(ErrorKind kind) {
    switch (kind) {
        case ErrorKind::kUsage:
        case ErrorKind::kData:
        case ErrorKind::kModel:
            return absl::StatusCode::kInvalidArgument;
        case ErrorKind::kMemory:
            return absl::StatusCode::kResourceExhausted;
        case ErrorKind::kTraining:
            return absl::StatusCode::kAborted;
        case ErrorKind::kInterrupted:
            return absl::StatusCode::kCancelled;
        case ErrorKind::kOther:
            break;
    }
    return absl::StatusCode::kUnknown;
}

}  // namespace

absl::Status MakeError(ErrorKind kind, std::string message) {
    absl::Status status(CodeOf(kind), message);
    status.SetPayload(kKindUrl, absl::Cord(std::to_string(static_cast<int>(kind))));
    return status;
}

ErrorKind KindOf(const absl::Status& status) {
    auto payload = status.GetPayload(kKindUrl);
    if (!payload) return ErrorKind::kOther;
    return static_cast<ErrorKind>(std::atoi(std::string(*payload).c_str()));
}

int ExitCode(const absl::Status& status) {
    return status.ok() ? 0 : static_cast<int>(KindOf(status));
}

absl::Status Annotate(const absl::Status& status, std::string_view context) {
    if (status.ok()) return status;
    return MakeError(KindOf(status), fmt::format("{}: {}", context, std::string(status.message())));
}

absl::Status WithKind(const absl::Status& status, ErrorKind kind) {
    if (status.ok()) return status;
    return MakeError(kind, std::string(status.message()));
}

void CheckFailed(const char* file, int line, const char* condition, std::string message) {
    std::fprintf(stderr, "%s:%d: internal error, please report it: %s %s\n", file, line, condition,
                 message.c_str());
    std::abort();
}

}  // namespace hone
