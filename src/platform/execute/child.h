// Starting a process with few rights.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/status.h"

namespace hone::platform {

// What a child may know of its surroundings, "NAME=value": a few harmless variables of this
// process's environment, none of the server's secrets.
std::vector<std::string> ChildEnvironment();

struct ChildOptions {
    std::vector<std::string> arguments;    // the program's path first
    std::vector<std::string> environment;  // "NAME=value"
    int input = -1;                        // becomes its standard input
    int output = -1;                       // becomes file descriptor 3
    int log = -1;                          // becomes its standard error
    int64_t memory_limit_bytes = 0;        // of its data; 0: none
    // Writes down which process it is, before its program begins. Where this fails, or this process
    // dies meanwhile, the program never runs: so there is none that is not written down.
    std::function<absl::Status(pid_t)> record = [](pid_t) { return absl::OkStatus(); };
};

// Standard output leads nowhere, every other descriptor is closed. The child can open no socket but
// Unix's own, gains no rights by what it runs, and gets SIGTERM when the thread that called this
// ends. The caller waits for the process. Errors: there is no process.
absl::StatusOr<pid_t> StartChild(const ChildOptions& options);

// When a process began, in the kernel's ticks: with the id it names one process for ever. 0: there
// is none, or none of its threads runs any more.
uint64_t ProcessStart(pid_t pid);

}  // namespace hone::platform
