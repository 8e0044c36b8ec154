// The CPUs and the memory that this process may use, as limited by its CPU affinity, by control
// groups (cgroups: containers, systemd, batch systems) and by ulimit.
#pragma once

#include <cstddef>
#include <string>

namespace hone {

// Threads that can run at the same time: the CPUs that the process may run on, or fewer where a
// control group limits CPU time (docker --cpus, cpu.max). At least 1. For tests, `root` is put
// before every path that is read.
int UsableCpus(const std::string& root = "");

// Bytes that can still be allocated: the least of MemAvailable, of what is left of ulimit -v and
// -d, and of what is left of the limits of control groups (memory.max, memory.high; version 1:
// memory.limit_in_bytes). The process's own group counts, and every group above it. File pages that
// a group could drop count as free.
size_t AvailableBytes(const std::string& root = "");

}  // namespace hone
