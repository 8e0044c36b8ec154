// Pieces of the AVX512-BF16 attention: packing of tiles into the layouts that vdpbf16ps takes, the
// inner product loop. Only for the attention_avx512_*.cc files, which turn the instruction
// set on around it.
//
// vdpbf16ps multiplies pairs of bf16 that lie side by side in 32 bits. So the left factor is read
// as rows of pairs, one pair broadcast at a time, and the right factor is packed so that the two
// rows of a pair are interleaved:
//   transposed    rows [64, D] -> [D/2] x 64 dwords: column j holds the pair (2i, 2i+1) of row j
//   interleaved   rows [64, D] -> [32] x width dwords: column d holds element d of rows 2i and 2i+1
#pragma once

#if defined(__x86_64__)

#include <cstdint>
#include <cstring>

#include "kernels/attention/attention.h"
#include "kernels/simd/avx512_target.h"

HONE_BEGIN_AVX512
namespace hone::avx512 {

inline constexpr int64_t kTile = kAttentionTile;  // queries and keys of a tile
inline constexpr int64_t kLanes = 16;             // floats of a vector
inline constexpr int64_t kTilePairs = 32;
inline constexpr float kNever = -1e30f;  // the maximum before any score
inline constexpr float kLn2 = 0.693147180559945309f;

constexpr int64_t RoundUp(int64_t n, int64_t step) { return (n + step - 1) / step * step; }
// Rows of D floats or dwords are padded to whole vectors.
constexpr int64_t Padded(int64_t D) { return RoundUp(D, kLanes); }

inline __m512i LoadPairs(const uint32_t* from) { return _mm512_loadu_si512(from); }

inline __attribute__((always_inline)) __m512 Tanh(__m512 x) {
    const __m512 e = Exp2(_mm512_mul_ps(x, _mm512_set1_ps(2 * kLog2E)));
    const __m512 one = _mm512_set1_ps(1.0f);
    return _mm512_sub_ps(one, _mm512_div_ps(_mm512_set1_ps(2.0f), _mm512_add_ps(e, one)));
}

// sum[r][v] += sum over pairs of A(r, i) B(i, v): A's pair at a + r * a_row + i * a_step, B's rows
// b_row dwords apart.
template <int kRows, int kVectors>
inline __attribute__((always_inline)) void Accumulate(__m512 (&sum)[kRows][kVectors],
                                                      const uint32_t* a, int64_t a_row,
                                                      int64_t a_step, const uint32_t* b,
                                                      int64_t b_row, int64_t pairs) {
    for (int64_t i = 0; i < pairs; ++i, a += a_step, b += b_row) {
        __m512i right[kVectors];
#pragma GCC unroll 4
        for (int v = 0; v < kVectors; ++v) right[v] = LoadPairs(b + v * kLanes);
#pragma GCC unroll 4
        for (int r = 0; r < kRows; ++r) {
            const __m512i left = _mm512_set1_epi32(static_cast<int>(a[r * a_row]));
#pragma GCC unroll 4
            for (int v = 0; v < kVectors; ++v)
                sum[r][v] = _mm512_dpbf16_ps(sum[r][v], (__m512bh)left, (__m512bh)right[v]);
        }
    }
}

// C f32 [4, vectors] += A B, see Accumulate.
template <int kVectors>
inline __attribute__((always_inline)) void AddBlock(const uint32_t* a, int64_t a_row,
                                                    int64_t a_step, const uint32_t* b,
                                                    int64_t b_row, int64_t pairs, float* c,
                                                    int64_t c_row) {
    __m512 sum[4][kVectors];
#pragma GCC unroll 4
    for (int r = 0; r < 4; ++r) {
#pragma GCC unroll 4
        for (int v = 0; v < kVectors; ++v) sum[r][v] = _mm512_loadu_ps(c + r * c_row + v * kLanes);
    }
    Accumulate<4, kVectors>(sum, a, a_row, a_step, b, b_row, pairs);
#pragma GCC unroll 4
    for (int r = 0; r < 4; ++r) {
#pragma GCC unroll 4
        for (int v = 0; v < kVectors; ++v) _mm512_storeu_ps(c + r * c_row + v * kLanes, sum[r][v]);
    }
}

// C f32 [4, width] += A B for any width that is a multiple of 16; B and C have rows of `width`.
inline void AddProduct(const uint32_t* a, int64_t a_row, int64_t a_step, const uint32_t* b,
                       int64_t pairs, float* c, int64_t width) {
    int64_t column = 0;
    for (; column + 4 * kLanes <= width; column += 4 * kLanes)
        AddBlock<4>(a, a_row, a_step, b + column, width, pairs, c + column, width);
    switch ((width - column) / kLanes) {
        case 3:
            AddBlock<3>(a, a_row, a_step, b + column, width, pairs, c + column, width);
            break;
        case 2:
            AddBlock<2>(a, a_row, a_step, b + column, width, pairs, c + column, width);
            break;
        case 1:
            AddBlock<1>(a, a_row, a_step, b + column, width, pairs, c + column, width);
            break;
        default:
            break;
    }
}

// Rows [count, rows) and elements from D on are zero: to bf16 pairs [rows, D/2].
inline void CopyRows(int64_t rows, int64_t count, int64_t D, const bf16* from, int64_t stride,
                     uint32_t* to) {
    std::memset(to + count * D / 2, 0, static_cast<size_t>((rows - count) * D) * sizeof(bf16));
    for (int64_t r = 0; r < count; ++r)
        std::memcpy(to + r * D / 2, from + r * stride, static_cast<size_t>(D) * sizeof(bf16));
}

// A tile transposed: to [D/2, 64] dwords; columns from `count` on are zero.
inline void PackTransposed(int64_t count, int64_t D, const bf16* from, int64_t stride,
                           uint32_t* to) {
    for (int64_t row = 0; row < kTile; row += 16) {
        for (int64_t d = 0; d < D; d += 32) {
            __m512i x[16];
#pragma GCC unroll 16
            for (int i = 0; i < 16; ++i)
                x[i] = row + i < count
                           ? _mm512_maskz_loadu_epi16(First32(D - d), from + (row + i) * stride + d)
                           : _mm512_setzero_si512();
            Transpose16(x);
            const int64_t pairs = D - d >= 32 ? 16 : (D - d) / 2;
            for (int64_t i = 0; i < pairs; ++i)
                _mm512_storeu_si512(to + (d / 2 + i) * kTile + row, x[i]);
        }
    }
}

// A tile interleaved: to [32, Padded(D)] dwords; rows from `count` on and columns from D on are
// zero.
inline void PackInterleaved(int64_t count, int64_t D, const bf16* from, int64_t stride,
                            uint32_t* to) {
    const int64_t width = Padded(D);
    for (int64_t pair = 0; pair < kTilePairs; ++pair, to += width) {
        for (int64_t d = 0; d < width; d += 32) {
            const __mmask32 mask = First32(D - d);
            const bf16* row = from + 2 * pair * stride + d;
            const __m512i first =
                2 * pair < count ? _mm512_maskz_loadu_epi16(mask, row) : _mm512_setzero_si512();
            const __m512i second = 2 * pair + 1 < count
                                       ? _mm512_maskz_loadu_epi16(mask, row + stride)
                                       : _mm512_setzero_si512();
            const Interleaved pairs = Interleave(first, second);
            _mm512_storeu_si512(to + d, pairs.low);
            if (d + kLanes < width) _mm512_storeu_si512(to + d + kLanes, pairs.high);
        }
    }
}

// out T [D] = row f32 * factor.
inline void StoreRow(int64_t D, const float* row, float factor, bf16* out) {
    const __m512 scale = _mm512_set1_ps(factor);
    for (int64_t d = 0; d < D; d += kLanes) {
        const __m256i rounded =
            (__m256i)_mm512_cvtneps_pbh(_mm512_mul_ps(_mm512_loadu_ps(row + d), scale));
        const __mmask16 mask = static_cast<__mmask16>(First32(D - d >= kLanes ? kLanes : D - d));
        _mm256_mask_storeu_epi16(out + d, mask, rounded);
    }
}

// The first key that the query at `position` sees.
inline int64_t FirstKeyOf(const AttentionOptions& options, int64_t position) {
    const int64_t first = options.window > 0 ? position - options.window + 1 : 0;
    return first > 0 ? first : 0;
}

// Bits [begin, end) of 64, both clamped to it.
inline uint64_t Bits(int64_t begin, int64_t end) {
    begin = begin < 0 ? 0 : begin;
    if (end <= begin || begin >= 64) return 0;
    const uint64_t below_end = end >= 64 ? ~uint64_t{0} : (uint64_t{1} << end) - 1;
    return below_end & ~((uint64_t{1} << begin) - 1);
}

}  // namespace hone::avx512
HONE_END_AVX512

#endif  // __x86_64__
