// For the program's main file alone: a build whose compiler was told that every CPU has more than
// x86-64's first ones (CXXFLAGS=-march=native) ends with a sentence on a CPU that has less, where it
// would otherwise die of the first such instruction.
#pragma once

#if defined(__x86_64__)

#include <unistd.h>

namespace hone {
namespace {

#define HONE_EVERY_CPU __attribute__((target("arch=x86-64")))

HONE_EVERY_CPU inline void Complain(const char* text) {
    int length = 0;
    while (text[length] != 0) ++length;
    // Nobody is left to tell if this fails.
    [[maybe_unused]] const auto written = write(2, text, static_cast<size_t>(length));
}

// Before every other initialiser of the program; it calls no library, which may be compiled for more.
HONE_EVERY_CPU __attribute__((constructor(101))) void CheckBaseline() {
    __builtin_cpu_init();
    const char* lacks = nullptr;
#define HONE_NEEDS(name) \
    if (!__builtin_cpu_supports(name)) lacks = name
#if defined(__SSE3__)
    HONE_NEEDS("sse3");
#endif
#if defined(__SSSE3__)
    HONE_NEEDS("ssse3");
#endif
#if defined(__SSE4_1__)
    HONE_NEEDS("sse4.1");
#endif
#if defined(__SSE4_2__)
    HONE_NEEDS("sse4.2");
#endif
#if defined(__POPCNT__)
    HONE_NEEDS("popcnt");
#endif
#if defined(__AVX__)
    HONE_NEEDS("avx");
#endif
#if defined(__FMA__)
    HONE_NEEDS("fma");
#endif
#if defined(__BMI__)
    HONE_NEEDS("bmi");
#endif
#if defined(__BMI2__)
    HONE_NEEDS("bmi2");
#endif
#if defined(__AVX2__)
    HONE_NEEDS("avx2");
#endif
#if defined(__AVX512F__)
    HONE_NEEDS("avx512f");
#endif
#if defined(__AVX512BW__)
    HONE_NEEDS("avx512bw");
#endif
#if defined(__AVX512DQ__)
    HONE_NEEDS("avx512dq");
#endif
#if defined(__AVX512VL__)
    HONE_NEEDS("avx512vl");
#endif
#if defined(__AVX512VNNI__)
    HONE_NEEDS("avx512vnni");
#endif
#if defined(__AVX512BF16__)
    HONE_NEEDS("avx512bf16");
#endif
#undef HONE_NEEDS
    if (lacks == nullptr) return;
    Complain("error: this hone was compiled for CPUs with ");
    Complain(lacks);
    Complain(", which this one has not: build it here, or without -march\n");
    _exit(1);
}

#undef HONE_EVERY_CPU

}  // namespace
}  // namespace hone

#endif  // __x86_64__
