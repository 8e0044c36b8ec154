// From validating_files to queued, or to failed with every line that cannot be used.
#pragma once

#include "platform/conduct/job_run.h"

namespace hone::platform {

// Reads the files of a job, which takes as long as they are large, and moves the job on. Where it
// was cancelled meanwhile it stays as it is.
absl::Status ValidateJob(const Stage& stage, const JobRecord& record);

}  // namespace hone::platform
