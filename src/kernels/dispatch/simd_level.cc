#include "kernels/dispatch/simd_level.h"

#include <cstdlib>

#include "kernels/simd/simd_targets.h"
// After the targets are limited.
#include "hwy/targets.h"

namespace hone {
namespace {

std::string_view Variable() {
    const char* text = std::getenv("HONE_SIMD");
    return text == nullptr ? "" : text;
}

struct Simd {
    SimdLevel allowed = SimdLevel::kAll;
    int64_t targets = 0;  // Highway's that the CPU has and HONE_SIMD allows
};

// Set before main, because Highway decides for good when the first of its functions is called. Set
// once, because querying Highway's targets makes it forget those that were disabled.
const Simd simd = [] {
    Simd result;
    result.allowed = ParseSimdLevel(Variable()).value_or(SimdLevel::kAll);
#if defined(__x86_64__)
    constexpr int64_t kBetter = HWY_AVX2 - 1;  // of x86-64's targets, a better one has a lower bit
    if (result.allowed == SimdLevel::kAvx2) hwy::DisableTargets(kBetter);
#endif
    result.targets = hwy::SupportedTargets();
    hwy::GetChosenTarget().Update(result.targets);
    return result;
}();

#if defined(__x86_64__)
std::string LacksAvx512(bool has, std::string_view name) {
    if (AllowedSimd() != SimdLevel::kAll) return "HONE_SIMD allows no AVX-512";
    return has ? "" : fmt::format("the CPU has no {}", name);
}
#endif

}  // namespace

absl::StatusOr<SimdLevel> ParseSimdLevel(std::string_view text) {
    if (text.empty()) return SimdLevel::kAll;
#if defined(__x86_64__)
    if (text == "avx2") return SimdLevel::kAvx2;
    return UsageError(
        "HONE_SIMD: \"{}\" is not avx2; without the variable all that the CPU has is used", text);
#else
    return UsageError("HONE_SIMD: there is nothing to limit on a CPU that is not x86-64");
#endif
}

absl::Status CheckSimdLevel() { return ParseSimdLevel(Variable()).status(); }

SimdLevel AllowedSimd() { return simd.allowed; }

std::string LacksSimd() {
    return (simd.targets & HWY_TARGETS & ~(HWY_EMU128 | HWY_SCALAR)) != 0
               ? ""
               : "no SIMD instruction set that hone was built for";
}

std::string LacksAvx512Bf16() {
#if defined(__x86_64__)
    static const std::string lacks =
        LacksAvx512(__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
                        __builtin_cpu_supports("avx512bf16"),
                    "AVX512-BF16");
    return lacks;
#else
    return "not an x86-64 CPU";
#endif
}

std::string LacksAvx512Vnni() {
#if defined(__x86_64__)
    static const std::string lacks =
        LacksAvx512(__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vnni"),
                    "AVX512-VNNI");
    return lacks;
#else
    return "not an x86-64 CPU";
#endif
}

}  // namespace hone
