// What the machine has and what this process takes of it, from /proc.
#pragma once

#include <cstddef>
#include <string>

#include "nlohmann/json.hpp"

namespace hone {

// Bytes in memory now, and at most so far. 0 where /proc does not say.
size_t ResidentBytes();
size_t PeakResidentBytes();

// {"cpu", "cores", "memory_bytes", "system", "simd", "kernels"}: for run.json and checkpoints.
// "simd" is the instruction set that Highway's kernels run in; "kernels" names each operation's
// implementation ("gemm bf16": "avx512_bf16"), as `hone --explain-kernels` does.
nlohmann::ordered_json DescribeMachine();

}  // namespace hone
