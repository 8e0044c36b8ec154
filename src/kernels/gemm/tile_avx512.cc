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

// Where A's pair (of floats: element) `i` along k is, row r: rows lie a_stride apart; or A^T is
// packed, its rows beside each other, and pairs lie a_stride apart.
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

inline void Store(float* c, __mmask16 mask, __m512 value) { _mm512_mask_storeu_ps(c, mask, value); }
inline void Store(bf16* c, __mmask16 mask, __m512 value) {
    _mm256_mask_storeu_epi16(c, mask, (__m256i)_mm512_cvtneps_pbh(value));
}

template <typename T, int R, int V, bool kPacked>
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
    if constexpr (kPacked) {
        Accumulate<R, V>(acc, PackedRows<T>{t.a, t.a_stored * Rows<T>::kPair}, t.b, t.k);
    } else {
        Accumulate<R, V>(acc, Rows<T>{t.a, t.a_stride}, t.b, t.k);
        if (t.h_k > 0) Accumulate<R, V>(acc, Rows<T>{t.h, t.h_stride}, t.h_b, t.h_k);
    }
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
    static constexpr Function kTable[] = {Run<T, R + 1, V, false>...};
    static constexpr Function kPacked[] = {Run<T, R + 1, V, true>...};
    (t.a_stored > 0 ? kPacked : kTable)[t.rows - 1](t);
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
