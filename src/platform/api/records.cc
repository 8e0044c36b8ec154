#include "platform/api/records.h"

namespace hone::platform {

std::string_view JobStatusName(JobStatus status) {
    switch (status) {
        case JobStatus::kValidatingFiles:
            return "validating_files";
        case JobStatus::kQueued:
            return "queued";
        case JobStatus::kRunning:
            return "running";
        case JobStatus::kPaused:
            return "paused";
        case JobStatus::kSucceeded:
            return "succeeded";
        case JobStatus::kFailed:
            return "failed";
        case JobStatus::kCancelled:
            break;
    }
    return "cancelled";
}

}  // namespace hone::platform
