// What the tiles of AVX-512 share (gemm/tile_avx512.cc, int8/int8_tile_avx512.cc): products of
// floats and bf16 pairs in registers, and storing them in C. For code between HONE_BEGIN_AVX512 and
// HONE_END_AVX512.
//
// A tile is R rows by V vectors of 16 columns: R * V accumulators, V vectors of B, one broadcast of
// A, within 32 registers. Each step of k costs V + R loads for R * V fused products, so the
// products set the pace.
#pragma once

#if defined(__x86_64__)

#include <cstdint>
#include <cstring>
#include <utility>

#include "kernels/gemm/tile.h"
#include "kernels/simd/avx512_target.h"

HONE_BEGIN_AVX512
namespace hone::avx512 {

// Rows per tile, by vectors per row.
inline constexpr int kTileRows[5] = {0, 12, 12, 8, 6};

// Where pair i of A's row r is (of floats: element i). Either rows lie a_stride apart; or A^T is
// packed, the rows lie side by side, and pairs lie a_stride apart.
template <typename T>
struct Rows {
    static constexpr int64_t kPair = sizeof(T) == 2 ? 2 : 1;
    const T* a;
    int64_t a_stride;
    const T* At(int r, int64_t i) const { return a + r * a_stride + i * kPair; }
};
template <typename T>
struct PackedRows {
    const T* a;
    int64_t a_stride;
    const T* At(int r, int64_t i) const { return a + i * a_stride + r * Rows<T>::kPair; }
};

inline __m512 Broadcast(const float* a) { return _mm512_set1_ps(*a); }
inline __m512bh Broadcast(const bf16* a) {
    int32_t two;
    std::memcpy(&two, a, 4);
    return (__m512bh)_mm512_set1_epi32(two);
}
inline __m512 LoadColumns(const float* b) { return _mm512_loadu_ps(b); }
inline __m512bh LoadColumns(const bf16* b) { return (__m512bh)_mm512_loadu_si512(b); }
inline __m512 Product(__m512 sum, __m512 a, __m512 b) { return _mm512_fmadd_ps(a, b, sum); }
inline __m512 Product(__m512 sum, __m512bh a, __m512bh b) { return _mm512_dpbf16_ps(sum, a, b); }

// acc += A [R, k] B [k, 16 V], bf16 in pairs along k.
template <int R, int V, typename T, typename Left>
inline __attribute__((always_inline)) void Accumulate(__m512 (&acc)[R][V], Left a, const T* b,
                                                      int64_t k) {
    constexpr int64_t kPair = Rows<T>::kPair;
    for (int64_t i = 0; i < k / kPair; ++i) {
        decltype(LoadColumns(b)) column[V];
#pragma GCC unroll 4
        for (int v = 0; v < V; ++v) column[v] = LoadColumns(b + (i * V + v) * 16 * kPair);
#pragma GCC unroll 12
        for (int r = 0; r < R; ++r) {
            const auto row = Broadcast(a.At(r, i));
#pragma GCC unroll 4
            for (int v = 0; v < V; ++v) acc[r][v] = Product(acc[r][v], row, column[v]);
        }
    }
}

inline void StoreTile(float* c, __mmask16 mask, __m512 value) {
    _mm512_mask_storeu_ps(c, mask, value);
}
inline void StoreTile(bf16* c, __mmask16 mask, __m512 value) {
    _mm256_mask_storeu_epi16(c, mask, (__m256i)_mm512_cvtneps_pbh(value));
}

// The columns of vector v that C has.
inline __mmask16 TileMask(int width, int v) {
    const int left = width - v * 16;
    return left >= 16 ? 0xffff : left > 0 ? (1u << left) - 1 : 0;
}

// C's old values come from memory while the sums are made.
template <int R, int V, typename T>
inline __attribute__((always_inline)) void PrefetchTile(const TileArgs<T>& t) {
    if (t.output != GemmOutput::kAddF32) return;
    for (int r = 0; r < R; ++r)
        for (int v = 0; v < V; ++v)
            _mm_prefetch(static_cast<const float*>(t.c) + r * t.c_stride + v * 16, _MM_HINT_T0);
}

// C (= or +=, as t.output says) t.scale * (acc + H H_B) + bias.
template <int R, int V, typename T>
inline __attribute__((always_inline)) void FinishTile(__m512 (&acc)[R][V], const TileArgs<T>& t) {
    if (t.h_k > 0) Accumulate<R, V>(acc, Rows<T>{t.h, t.h_stride}, t.h_b, t.h_k);
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) {
        const __mmask16 mask = TileMask(t.width, v);
        const __m512 bias =
            t.bias ? _mm512_maskz_loadu_ps(mask, t.bias + v * 16) : _mm512_setzero_ps();
        const __m512 scale = _mm512_set1_ps(t.scale);
#pragma GCC unroll 12
        for (int r = 0; r < R; ++r) {
            __m512 value = _mm512_fmadd_ps(acc[r][v], scale, bias);
            const int64_t at = r * t.c_stride + v * 16;
            if (t.output == GemmOutput::kStore) {
                StoreTile(static_cast<T*>(t.c) + at, mask, value);
                continue;
            }
            float* c = static_cast<float*>(t.c) + at;
            if (t.output == GemmOutput::kAddF32)
                value = _mm512_add_ps(_mm512_maskz_loadu_ps(mask, c), value);
            StoreTile(c, mask, value);
        }
    }
}

template <typename Tile, int V, typename Args, int... R>
void RunTileRows(const Args& args, int rows, std::integer_sequence<int, R...>) {
    using Function = void (*)(const Args&);
    static constexpr Function kTable[] = {Tile::template Run<R + 1, V>...};
    kTable[rows - 1](args);
}

// Tile::Run<R, V>(args) of that many rows and stored columns; Tile is its file's own.
template <typename Tile, typename Args>
void RunTile(const Args& args, int rows, int stored) {
    switch (stored) {
        case 16:
            return RunTileRows<Tile, 1>(args, rows,
                                        std::make_integer_sequence<int, kTileRows[1]>());
        case 32:
            return RunTileRows<Tile, 2>(args, rows,
                                        std::make_integer_sequence<int, kTileRows[2]>());
        case 48:
            return RunTileRows<Tile, 3>(args, rows,
                                        std::make_integer_sequence<int, kTileRows[3]>());
        default:
            return RunTileRows<Tile, 4>(args, rows,
                                        std::make_integer_sequence<int, kTileRows[4]>());
    }
}

}  // namespace hone::avx512
HONE_END_AVX512

#endif  // __x86_64__
