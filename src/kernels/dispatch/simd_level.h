// The instruction sets that the kernels use: all that the CPU has, or fewer where HONE_SIMD says
// so, which is how the paths of other machines are tested and measured on this one.
#pragma once

#include <string>
#include <string_view>

#include "base/status.h"

namespace hone {

enum class SimdLevel { kAvx2, kAll };

// "avx2", or empty for all; anything else, and on a CPU that is not x86-64 anything at all, is a
// usage error.
absl::StatusOr<SimdLevel> ParseSimdLevel(std::string_view text);

// A usage error when HONE_SIMD does not parse. Call once, before work starts.
absl::Status CheckSimdLevel();

// What HONE_SIMD says, read when the program starts; a value that does not parse limits nothing
// (CheckSimdLevel reports it).
SimdLevel AllowedSimd();

// What Highway's kernels run in here: "AVX2", "AVX-512", "NEON".
std::string SimdName();

// Reasons to decline that depend on the machine and HONE_SIMD alone; empty when it has what the
// name says.
std::string LacksSimd();        // nothing better than the reference's plain loops
std::string LacksAvx512Bf16();  // AVX-512 F, BW, DQ, VL and BF16, usable by the operating system
std::string LacksAvx512Vnni();  // AVX-512 F, BW, VL and VNNI, likewise

}  // namespace hone
