#include "cli/version.h"

#include <fmt/format.h>

#include "base/machine/version.h"
#include "kernels/dispatch/cpu.h"
#include "kernels/dispatch/simd_level.h"

namespace hone {
namespace {

std::string Compiler() {
#if defined(__clang__)
    return fmt::format("Clang {}.{}.{}", __clang_major__, __clang_minor__, __clang_patchlevel__);
#else
    return fmt::format("GCC {}.{}.{}", __GNUC__, __GNUC_MINOR__, __GNUC_PATCHLEVEL__);
#endif
}

std::string BuildType() {
    std::string type = "without optimisation";
#if defined(__OPTIMIZE__)
    type = "optimised";
#endif
#if !defined(NDEBUG)
    type += ", with assertions";
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    type += ", with a sanitizer";
#endif
    return type;
}

// What every CPU must have that this program runs on (cli/baseline.h ends it where one has less).
std::string_view Baseline() {
#if defined(__AVX512F__)
    return "x86-64 CPUs with AVX-512";
#elif defined(__AVX2__)
    return "x86-64 CPUs with AVX2";
#elif defined(__AVX__)
    return "x86-64 CPUs with AVX";
#elif defined(__SSE4_2__)
    return "x86-64 CPUs with SSE4.2";
#elif defined(__SSE3__)
    return "x86-64 CPUs with SSE3";
#elif defined(__x86_64__)
    return "any x86-64 CPU";
#elif defined(__aarch64__)
    return "any 64-bit ARM CPU";
#else
    return "the CPUs of the compiler's default";
#endif
}

}  // namespace

std::string VersionText() {
    const std::string sets = CpuInstructionSets();
    return fmt::format("hone {}\ncompiled by {}, {}, for {}\nthis CPU: {}{}{}\nkernels in {}\n",
                       kVersion, Compiler(), BuildType(), Baseline(), CpuName(),
                       sets.empty() ? "" : "; ", sets, SimdName());
}

}  // namespace hone
