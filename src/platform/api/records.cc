#include "platform/api/records.h"

#include "fmt/ranges.h"

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

std::vector<std::string_view> JobStatusNames() {
    std::vector<std::string_view> names;
    for (const JobStatus status : kJobStatuses) names.push_back(JobStatusName(status));
    return names;
}

std::string LivingJobStatuses() {
    std::vector<std::string> quoted;
    for (const JobStatus status : kJobStatuses)
        if (!IsTerminal(status)) quoted.push_back(fmt::format("'{}'", JobStatusName(status)));
    return fmt::format("({})", fmt::join(quoted, ", "));
}

}  // namespace hone::platform
