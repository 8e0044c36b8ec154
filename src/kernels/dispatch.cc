#include "kernels/dispatch.h"

#include <cstdio>
#include <cstdlib>

#include "kernels/simd_targets.h"
// After the targets are limited.
#include "hwy/targets.h"

namespace hone {

absl::StatusOr<KernelOverride> ParseKernelOverride(std::string_view text) {
    KernelOverride result;
    while (!text.empty()) {
        size_t comma = text.find(',');
        std::string_view part = text.substr(0, comma);
        text = comma == std::string_view::npos ? "" : text.substr(comma + 1);
        size_t colon = part.find(':');
        if (colon == std::string_view::npos || colon == 0 || colon + 1 == part.size())
            return UsageError(
                "HONE_KERNEL: \"{}\" is not of the form op:name (hone --explain-kernels lists "
                "them)",
                part);
        result.emplace_back(part.substr(0, colon), part.substr(colon + 1));
    }
    return result;
}

std::string_view ForcedKernel(std::string_view op) {
    static const KernelOverride forced = [] {
        const char* text = std::getenv("HONE_KERNEL");
        auto parsed = ParseKernelOverride(text == nullptr ? "" : text);
        return parsed.ok() ? *std::move(parsed) : KernelOverride{};
    }();
    for (const auto& [forced_op, name] : forced)
        if (forced_op == op) return name;
    return {};
}

void ForcedKernelFailed(std::string_view op, std::string_view name, std::string_view why) {
    std::fprintf(stderr, "HONE_KERNEL forces %.*s:%.*s, which cannot be used: %.*s\n",
                 static_cast<int>(op.size()), op.data(), static_cast<int>(name.size()), name.data(),
                 static_cast<int>(why.size()), why.data());
    std::exit(static_cast<int>(ErrorKind::kUsage));
}

std::string LacksSimd() {
    static const bool has =
        (hwy::SupportedTargets() & HWY_TARGETS & ~(HWY_EMU128 | HWY_SCALAR)) != 0;
    return has ? "" : "no SIMD instruction set that hone was built for";
}

std::string LacksAvx512Bf16() {
#if defined(__x86_64__)
    static const bool has =
        __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512bf16");
    return has ? "" : "the CPU has no AVX512-BF16";
#else
    return "not an x86-64 CPU";
#endif
}

std::string LacksAvx512Vnni() {
#if defined(__x86_64__)
    static const bool has =
        __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vnni");
    return has ? "" : "the CPU has no AVX512-VNNI";
#else
    return "not an x86-64 CPU";
#endif
}

}  // namespace hone
