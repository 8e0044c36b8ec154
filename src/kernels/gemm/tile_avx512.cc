// Tiles for AVX-512, and for its bf16 dot products (Zen 4, Cooper Lake, Sapphire Rapids and later).
//
// A tile is R rows by V vectors of 16 columns: R * V accumulators, V vectors of B, one broadcast of
// A, within 32 registers. Each step of k costs V + R loads for R * V fused products, so the
// products set the pace.
#include "kernels/gemm/tile.h"

#if defined(__x86_64__)

#include <immintrin.h>

#include <cstring>
#include <utility>

namespace hone {
namespace {

// Rows per tile, by vectors per row.
constexpr int kRows[5] = {0, 12, 12, 8, 6};

template <int R, int V>
inline __attribute__((always_inline)) void Accumulate(__m512 (&acc)[R][V], const bf16* a,
                                                      int64_t a_stride, const bf16* b, int64_t k) {
    for (int64_t pair = 0; pair < k / 2; ++pair) {
        __m512bh column[V];
#pragma GCC unroll 4
        for (int v = 0; v < V; ++v)
            column[v] = (__m512bh)_mm512_loadu_si512(b + (pair * V + v) * 32);
#pragma GCC unroll 12
        for (int r = 0; r < R; ++r) {
            int32_t two;
            std::memcpy(&two, a + r * a_stride + pair * 2, 4);
            const __m512bh row = (__m512bh)_mm512_set1_epi32(two);
#pragma GCC unroll 4
            for (int v = 0; v < V; ++v) acc[r][v] = _mm512_dpbf16_ps(acc[r][v], row, column[v]);
        }
    }
}

template <int R, int V>
inline __attribute__((always_inline)) void Accumulate(__m512 (&acc)[R][V], const float* a,
                                                      int64_t a_stride, const float* b, int64_t k) {
    for (int64_t i = 0; i < k; ++i) {
        __m512 column[V];
#pragma GCC unroll 4
        for (int v = 0; v < V; ++v) column[v] = _mm512_loadu_ps(b + (i * V + v) * 16);
#pragma GCC unroll 12
        for (int r = 0; r < R; ++r) {
            const __m512 row = _mm512_set1_ps(a[r * a_stride + i]);
#pragma GCC unroll 4
            for (int v = 0; v < V; ++v) acc[r][v] = _mm512_fmadd_ps(row, column[v], acc[r][v]);
        }
    }
}

inline void Store(float* c, __mmask16 mask, __m512 value) { _mm512_mask_storeu_ps(c, mask, value); }
inline void Store(bf16* c, __mmask16 mask, __m512 value) {
    _mm256_mask_storeu_epi16(c, mask, (__m256i)_mm512_cvtneps_pbh(value));
}

template <typename T, int R, int V>
void Run(const TileArgs<T>& t) {
    __m512 acc[R][V];
#pragma GCC unroll 12
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 4
        for (int v = 0; v < V; ++v) acc[r][v] = _mm512_setzero_ps();
    // C's old values come from memory while the sums are made.
    if (t.output == GemmOutput::kAddF32)
        for (int r = 0; r < R; ++r)
            for (int v = 0; v < V; ++v)
                _mm_prefetch(static_cast<const float*>(t.c) + r * t.c_stride + v * 16, _MM_HINT_T0);
    Accumulate<R, V>(acc, t.a, t.a_stride, t.b, t.k);
    if (t.h_k > 0) Accumulate<R, V>(acc, t.h, t.h_stride, t.h_b, t.h_k);
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) {
        const int left = t.width - v * 16;
        const __mmask16 mask = left >= 16 ? 0xffff : left > 0 ? (1u << left) - 1 : 0;
        const __m512 bias =
            t.bias ? _mm512_maskz_loadu_ps(mask, t.bias + v * 16) : _mm512_setzero_ps();
        const __m512 scale = _mm512_set1_ps(t.scale);
#pragma GCC unroll 12
        for (int r = 0; r < R; ++r) {
            __m512 value = _mm512_fmadd_ps(acc[r][v], scale, bias);
            const int64_t at = r * t.c_stride + v * 16;
            if (t.output == GemmOutput::kStore) {
                Store(static_cast<T*>(t.c) + at, mask, value);
                continue;
            }
            float* c = static_cast<float*>(t.c) + at;
            if (t.output == GemmOutput::kAddF32)
                value = _mm512_add_ps(_mm512_maskz_loadu_ps(mask, c), value);
            Store(c, mask, value);
        }
    }
}

template <typename T, int V, int... R>
void ByRows(const TileArgs<T>& t, std::integer_sequence<int, R...>) {
    using Function = void (*)(const TileArgs<T>&);
    static constexpr Function kTable[] = {Run<T, R + 1, V>...};
    kTable[t.rows - 1](t);
}

template <typename T>
void ByShape(const TileArgs<T>& t) {
    switch (t.stored) {
        case 16:
            return ByRows<T, 1>(t, std::make_integer_sequence<int, kRows[1]>());
        case 32:
            return ByRows<T, 2>(t, std::make_integer_sequence<int, kRows[2]>());
        case 48:
            return ByRows<T, 3>(t, std::make_integer_sequence<int, kRows[3]>());
        default:
            return ByRows<T, 4>(t, std::make_integer_sequence<int, kRows[4]>());
    }
}

}  // namespace

template <typename T>
TileFunctions<T> Avx512Tile() {
    return {ByShape<T>, [](int stored) { return kRows[stored / 16]; }};
}
template TileFunctions<float> Avx512Tile();
template TileFunctions<bf16> Avx512Tile();

}  // namespace hone

#endif
