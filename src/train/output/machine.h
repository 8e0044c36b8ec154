// What the machine has and what this process takes of it, from /proc and the cgroup.
#pragma once

#include <cstddef>
#include <string>

#include "nlohmann/json.hpp"

namespace hone {

// Bytes in memory now, and at most so far. 0 where /proc does not say.
size_t ResidentBytes();
size_t PeakResidentBytes();

// What can still be had: MemAvailable, or what is left of the cgroup's limit (version 2 or 1) where
// that is less.
size_t AvailableBytes();

// The same from given texts, each empty where the file does not exist: /proc/meminfo; the cgroup's
// limit and use in bytes ("max" is no limit) and its memory.stat, of which inactive file pages
// count as free.
size_t AvailableBytesFrom(const std::string& meminfo, const std::string& limit,
                          const std::string& usage, const std::string& stat);

// {"cpu", "cores", "memory_bytes", "system"}: for run.json.
nlohmann::ordered_json DescribeMachine();

// "3.1 GB", "812 MB".
std::string HumanBytes(size_t bytes);

}  // namespace hone
