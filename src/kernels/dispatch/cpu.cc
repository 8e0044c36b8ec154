#include "kernels/dispatch/cpu.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include <cstring>

namespace hone {

#if defined(__x86_64__)

std::string CpuName() {
    constexpr unsigned kFirst = 0x80000002, kLast = 0x80000004;  // 16 letters each
    unsigned words[4];
    if (__get_cpuid_max(0x80000000, nullptr) < kLast) return "x86-64";
    std::string name;
    for (unsigned leaf = kFirst; leaf <= kLast; ++leaf) {
        __get_cpuid(leaf, &words[0], &words[1], &words[2], &words[3]);
        char letters[sizeof words];
        std::memcpy(letters, words, sizeof words);
        name.append(letters, strnlen(letters, sizeof letters));
    }
    const size_t first = name.find_first_not_of(' ');
    if (first == std::string::npos) return "x86-64";
    return name.substr(first, name.find_last_not_of(' ') + 1 - first);
}

std::string CpuInstructionSets() {
    std::string sets;
    const auto add = [&sets](bool has, const char* name) {
        if (!has) return;
        if (!sets.empty()) sets += ' ';
        sets += name;
    };
    add(__builtin_cpu_supports("ssse3"), "SSSE3");
    add(__builtin_cpu_supports("sse4.2"), "SSE4.2");
    add(__builtin_cpu_supports("avx"), "AVX");
    add(__builtin_cpu_supports("avx2"), "AVX2");
    add(__builtin_cpu_supports("fma"), "FMA");
    add(__builtin_cpu_supports("avx512f"), "AVX512F");
    add(__builtin_cpu_supports("avx512bw"), "AVX512BW");
    add(__builtin_cpu_supports("avx512dq"), "AVX512DQ");
    add(__builtin_cpu_supports("avx512vl"), "AVX512VL");
    add(__builtin_cpu_supports("avx512vnni"), "AVX512-VNNI");
    add(__builtin_cpu_supports("avx512bf16"), "AVX512-BF16");
    return sets;
}

#elif defined(__aarch64__)

std::string CpuName() { return "64-bit ARM"; }
std::string CpuInstructionSets() { return {}; }

#else

std::string CpuName() { return "no x86-64 and no 64-bit ARM"; }
std::string CpuInstructionSets() { return {}; }

#endif

}  // namespace hone
