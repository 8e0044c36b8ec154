// What a job's models are called.
#pragma once

#include <string>

#include "platform/jobs/job_store.h"
#include "platform/store/ids.h"

namespace hone::platform {

// "ft:<base>:<organisation>:<suffix or nothing>:<8 letters or digits>", another one each time.
inline std::string NewModelName(const JobRecord& record, const std::string& organization) {
    return fmt::format("ft:{}:{}:{}:{}", record.base, organization, record.job.suffix,
                       RandomName(8));
}

}  // namespace hone::platform
