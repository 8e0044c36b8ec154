// Which instruction sets the Highway kernels are compiled for: AVX-512, AVX2 and the baseline of
// x86-64, NEON of ARM. The ones between and the later AVX-512 variants would only add to the time
// to build; vectors whose length the compiler does not know (SVE) cannot be elements of an array,
// as the tiles' accumulators are. Include before any Highway header.
#pragma once

#ifdef HIGHWAY_HWY_DETECT_TARGETS_H_
#error "include kernels/simd/simd_targets.h before Highway"
#endif

// SSE4, SSSE3, AVX3_DL, AVX3_ZEN4 and AVX3_SPR, then bits 23 to 27: every SVE in any version (and
// in some NEON_BF16). As numbers: not every version of Highway names all of them.
#define HONE_UNUSED_TARGETS \
    ((1LL << 11) | (1LL << 12) | (1LL << 7) | (1LL << 6) | (1LL << 4) | (31LL << 23))
// A sanitizer build runs where it was made: on a machine with AVX-512 nothing in it takes AVX2.
#if defined(HONE_FOR_AVX512_ONLY)
#define HWY_DISABLED_TARGETS (HONE_UNUSED_TARGETS | (1LL << 9))
#else
#define HWY_DISABLED_TARGETS HONE_UNUSED_TARGETS
#endif
