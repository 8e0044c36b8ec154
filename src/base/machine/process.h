// Child processes: run one to its end, with its output.
#pragma once

#include <string>
#include <vector>

#include "base/status.h"

namespace hone {

struct ProcessResult {
    int exit_code = 0;   // 128 + signal when a signal ended it
    std::string output;  // standard output and error, in the order they came, at most 1 MiB (the
                         // rest is dropped)
};

// Runs arguments[0] (looked up in PATH, no shell) with standard input closed. Fails only if it
// cannot be started, or if whoever watches (base/watch.h) wants the end: it is then ended
// (SIGTERM), and the error is of kind kInterrupted.
absl::StatusOr<ProcessResult> RunProcess(const std::vector<std::string>& arguments);

}  // namespace hone
