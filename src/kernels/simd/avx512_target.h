// For files that turn AVX512-BF16 on around their code, and what several of them share. They are
// entered only after LacksAvx512Bf16 (dispatch.h) has looked at the CPU.
#pragma once

#if defined(__x86_64__)

// GCC 12 takes the deliberately undefined operands in its own header for a mistake.
#if !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <immintrin.h>
#if !defined(__clang__)
#pragma GCC diagnostic pop
#endif

#include <cstdint>

// _Pragma takes one string literal; # makes it of the tokens, quotes and all.
#define HONE_PRAGMA(...) _Pragma(#__VA_ARGS__)
#define HONE_AVX512_TARGET "avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,fma"
#if defined(__clang__)
#define HONE_PUSH_TARGET(target_list) \
    HONE_PRAGMA(clang attribute push(__attribute__((target(target_list))), apply_to = function))
#define HONE_BEGIN_AVX512 HONE_PUSH_TARGET(HONE_AVX512_TARGET)
#define HONE_END_AVX512 HONE_PRAGMA(clang attribute pop)
#else
#define HONE_PUSH_TARGET(target_list) \
    HONE_PRAGMA(GCC push_options) HONE_PRAGMA(GCC target(target_list))
#define HONE_BEGIN_AVX512 HONE_PUSH_TARGET(HONE_AVX512_TARGET)
#define HONE_END_AVX512 HONE_PRAGMA(GCC pop_options)
#endif

HONE_BEGIN_AVX512
namespace hone::avx512 {

// The lanes [0, n) of 32 bf16, n from 0 to 32.
inline __mmask32 First32(int64_t n) { return n >= 32 ? ~__mmask32{0} : (__mmask32{1} << n) - 1; }

inline constexpr float kLog2E = 1.44269504088896341f;

// 2^x within 3e-6 relative (minimax of degree 4); 0 far below, NaN stays.
inline __attribute__((always_inline)) __m512 Exp2(__m512 x) {
    const __m512 n = _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    const __m512 f = _mm512_sub_ps(x, n);
    __m512 p = _mm512_fmadd_ps(f, _mm512_set1_ps(9.570100021e-3f), _mm512_set1_ps(5.591786017e-2f));
    p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(2.402474487e-1f));
    p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(6.931218148e-1f));
    p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(9.999992614e-1f));
    return _mm512_scalef_ps(p, n);
}

// 16 x 16 dwords, transposed in place.
inline __attribute__((always_inline)) void Transpose16(__m512i (&x)[16]) {
    __m512i y[16];
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {  // 4 x 4 blocks within 128 bits
        const __m512i a = _mm512_unpacklo_epi32(x[4 * i], x[4 * i + 1]);
        const __m512i b = _mm512_unpackhi_epi32(x[4 * i], x[4 * i + 1]);
        const __m512i c = _mm512_unpacklo_epi32(x[4 * i + 2], x[4 * i + 3]);
        const __m512i d = _mm512_unpackhi_epi32(x[4 * i + 2], x[4 * i + 3]);
        y[4 * i] = _mm512_unpacklo_epi64(a, c);
        y[4 * i + 1] = _mm512_unpackhi_epi64(a, c);
        y[4 * i + 2] = _mm512_unpacklo_epi64(b, d);
        y[4 * i + 3] = _mm512_unpackhi_epi64(b, d);
    }
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {  // then the 128-bit parts
        const __m512i a = _mm512_shuffle_i32x4(y[i], y[4 + i], 0x88);
        const __m512i b = _mm512_shuffle_i32x4(y[8 + i], y[12 + i], 0x88);
        const __m512i c = _mm512_shuffle_i32x4(y[i], y[4 + i], 0xdd);
        const __m512i d = _mm512_shuffle_i32x4(y[8 + i], y[12 + i], 0xdd);
        x[i] = _mm512_shuffle_i32x4(a, b, 0x88);
        x[8 + i] = _mm512_shuffle_i32x4(a, b, 0xdd);
        x[4 + i] = _mm512_shuffle_i32x4(c, d, 0x88);
        x[12 + i] = _mm512_shuffle_i32x4(c, d, 0xdd);
    }
}

// Words of two rows side by side: word 2i of `low` is word i of the first, word 2i + 1 that of the
// second; `high` goes on from word 16.
struct Interleaved {
    __m512i low, high;
};
inline __attribute__((always_inline)) Interleaved Interleave(__m512i first, __m512i second) {
    const __m512i steps = _mm512_set_epi16(15, 15, 14, 14, 13, 13, 12, 12, 11, 11, 10, 10, 9, 9, 8,
                                           8, 7, 7, 6, 6, 5, 5, 4, 4, 3, 3, 2, 2, 1, 1, 0, 0);
    const __m512i low = _mm512_add_epi16(steps, _mm512_set1_epi32(32 << 16));
    const __m512i high = _mm512_add_epi16(low, _mm512_set1_epi16(16));
    return {_mm512_permutex2var_epi16(first, low, second),
            _mm512_permutex2var_epi16(first, high, second)};
}

}  // namespace hone::avx512
HONE_END_AVX512

#endif  // __x86_64__
