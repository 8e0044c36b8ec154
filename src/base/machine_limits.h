// What this process may take of the machine: CPUs and memory, as the affinity, the control groups
// (cgroups: containers, systemd, batch systems) and ulimit say.
#pragma once

#include <cstddef>
#include <string>

namespace hone {

// Threads that can run at the same time: the CPUs that the process may run on, or fewer where a
// control group gives less CPU time (docker --cpus, cpu.max). At least 1. `root` comes before
// every path that is read, for tests.
int UsableCpus(const std::string& root = "");

// Bytes that can still be had: MemAvailable, or what is left of a control group's limit
// (memory.max, memory.high; version 1: memory.limit_in_bytes) or of ulimit -v and -d where that is
// less. A group's file pages that it could drop count as free. The limits of every group from the
// process's own up to the root hold.
size_t AvailableBytes(const std::string& root = "");

}  // namespace hone
