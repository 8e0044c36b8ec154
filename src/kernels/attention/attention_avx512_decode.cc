// A few new queries over a cache in AVX512-BF16: keys and values are read in place, once for all
// the heads of a group, so that decoding is bound by reading them.
#include "kernels/attention/avx512_tiles.h"

#if defined(__x86_64__)

#include <cmath>

#include "kernels/attention/attention_avx512.h"

HONE_BEGIN_AVX512
namespace hone::avx512 {
namespace {

constexpr int kMaxHeads = 4;  // heads in work at once: their sums fill the registers

// Lane j of the result is the sum of the lanes of x[j].
inline __attribute__((always_inline)) __m512 SumRows(__m512 (&x)[16]) {
    __m512 pairs[8], fours[4];
#pragma GCC unroll 8
    for (int i = 0; i < 8; ++i)
        pairs[i] = _mm512_add_ps(_mm512_unpacklo_ps(x[2 * i], x[2 * i + 1]),
                                 _mm512_unpackhi_ps(x[2 * i], x[2 * i + 1]));
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {  // within each 128 bits: the sums of rows 4i .. 4i + 3
        const __m512d a = _mm512_castps_pd(pairs[2 * i]), b = _mm512_castps_pd(pairs[2 * i + 1]);
        fours[i] = _mm512_add_ps(_mm512_castpd_ps(_mm512_unpacklo_pd(a, b)),
                                 _mm512_castpd_ps(_mm512_unpackhi_pd(a, b)));
    }
    const __m512 low = _mm512_add_ps(_mm512_shuffle_f32x4(fours[0], fours[1], 0x88),
                                     _mm512_shuffle_f32x4(fours[0], fours[1], 0xdd));
    const __m512 high = _mm512_add_ps(_mm512_shuffle_f32x4(fours[2], fours[3], 0x88),
                                      _mm512_shuffle_f32x4(fours[2], fours[3], 0xdd));
    return _mm512_add_ps(_mm512_shuffle_f32x4(low, high, 0x88),
                         _mm512_shuffle_f32x4(low, high, 0xdd));
}

// scores[0, count) = q . each of `count` rows of keys; written in whole vectors. kPrefetch: the
// keys come from memory, and so do the values, which are read next. Both are prefetched.
template <bool kPrefetch>
void Dots(int64_t D, int64_t count, const bf16* q, const bf16* keys, const bf16* values,
          int64_t stride, float* scores) {
    for (int64_t first = 0; first < count; first += kLanes) {
        __m512 sums[16];
#pragma GCC unroll 16
        for (int i = 0; i < 16; ++i) sums[i] = _mm512_setzero_ps();
        for (int64_t d = 0; d < D; d += 32) {
            const __mmask32 mask = First32(D - d);
            const __m512i left = _mm512_maskz_loadu_epi16(mask, q + d);
            const bf16* row = keys + first * stride + d;
#pragma GCC unroll 16
            for (int i = 0; i < 16; ++i) {
                if (kPrefetch) {
                    _mm_prefetch(row + (16 + i) * stride, _MM_HINT_T0);
                    _mm_prefetch(values + (first + i) * stride + d, _MM_HINT_T1);
                }
                if (first + i < count)
                    sums[i] = _mm512_dpbf16_ps(
                        sums[i], (__m512bh)left,
                        (__m512bh)_mm512_maskz_loadu_epi16(mask, row + i * stride));
            }
        }
        _mm512_storeu_ps(scores + first, SumRows(sums));
    }
}

// Scores of `count` keys to probabilities in bf16, zero up to a whole vector of 32; returns their
// sum and the largest score in units of log2.
struct Softmax {
    float max, sum;
};
Softmax Probabilities(const AttentionOptions& options, int64_t count, float* scores, bf16* p) {
    const bool capped = options.soft_cap > 0;
    const __m512 scale =
        _mm512_set1_ps(capped ? options.scale / options.soft_cap : options.scale * kLog2E);
    const __m512 cap = _mm512_set1_ps(options.soft_cap * kLog2E);
    __m512 best = _mm512_set1_ps(kNever);
    for (int64_t i = 0; i < count; i += kLanes) {
        __m512 score = _mm512_mul_ps(_mm512_loadu_ps(scores + i), scale);
        if (capped) score = _mm512_mul_ps(Tanh(score), cap);
        _mm512_storeu_ps(scores + i, score);
        best = _mm512_mask_max_ps(best, static_cast<__mmask16>(First32(count - i)), best, score);
    }
    const float max = _mm512_reduce_max_ps(best);
    __m512 sum = _mm512_setzero_ps();
    for (int64_t i = 0; i < RoundUp(count, 32); i += kLanes) {
        const __mmask16 mask = static_cast<__mmask16>(i < count ? First32(count - i) : 0);
        const __m512 e = _mm512_maskz_mov_ps(
            mask, Exp2(_mm512_sub_ps(_mm512_loadu_ps(scores + i), _mm512_set1_ps(max))));
        sum = _mm512_add_ps(sum, e);
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(p + i), (__m256i)_mm512_cvtneps_pbh(e));
    }
    return {max, _mm512_reduce_add_ps(sum)};
}

// to f32 [kHeads, 64] = P [kHeads, count] V, columns [0, D) of at most 64; P's rows are `p_row`
// apart.
template <int kHeads>
void WeightedValues(int64_t D, int64_t count, const bf16* p, int64_t p_row, const bf16* values,
                    int64_t stride, float* to) {
    const __m512i steps = _mm512_set_epi16(15, 15, 14, 14, 13, 13, 12, 12, 11, 11, 10, 10, 9, 9, 8,
                                           8, 7, 7, 6, 6, 5, 5, 4, 4, 3, 3, 2, 2, 1, 1, 0, 0);
    const __m512i low = _mm512_add_epi16(steps, _mm512_set1_epi32(32 << 16));
    const __m512i high = _mm512_add_epi16(low, _mm512_set1_epi16(16));
    const __mmask32 mask0 = First32(D), mask1 = D > 32 ? First32(D - 32) : 0;
    __m512 sums[kHeads][4];
#pragma GCC unroll 4
    for (int h = 0; h < kHeads; ++h) {
#pragma GCC unroll 4
        for (int v = 0; v < 4; ++v) sums[h][v] = _mm512_setzero_ps();
    }
    for (int64_t i = 0; i < count; i += 2) {
        const bf16* row = values + i * stride;
        const bf16* next =
            i + 1 < count ? row + stride : row;  // its probability is zero past the end
        const __m512i a0 = _mm512_maskz_loadu_epi16(mask0, row),
                      b0 = _mm512_maskz_loadu_epi16(mask0, next);
        const __m512i a1 = _mm512_maskz_loadu_epi16(mask1, row + 32),
                      b1 = _mm512_maskz_loadu_epi16(mask1, next + 32);
        const __m512i v[4] = {
            _mm512_permutex2var_epi16(a0, low, b0), _mm512_permutex2var_epi16(a0, high, b0),
            _mm512_permutex2var_epi16(a1, low, b1), _mm512_permutex2var_epi16(a1, high, b1)};
#pragma GCC unroll 4
        for (int h = 0; h < kHeads; ++h) {
            int pair;
            std::memcpy(&pair, p + h * p_row + i, sizeof pair);
            const __m512i left = _mm512_set1_epi32(pair);
#pragma GCC unroll 4
            for (int j = 0; j < 4; ++j)
                sums[h][j] = _mm512_dpbf16_ps(sums[h][j], (__m512bh)left, (__m512bh)v[j]);
        }
    }
#pragma GCC unroll 4
    for (int h = 0; h < kHeads; ++h) {
#pragma GCC unroll 4
        for (int v = 0; v < 4; ++v) _mm512_storeu_ps(to + h * kTile + v * kLanes, sums[h][v]);
    }
}

}  // namespace

void ForwardFew(const AttentionOptions& options, const AttentionSegment<bf16>& segment,
                int64_t kv_head, int64_t first, int64_t count, void* scratch) {
    const int64_t D = options.D, group = options.H / options.KV,
                  row = RoundUp(segment.num_keys, 32);
    float* scores = static_cast<float*>(scratch);
    float* out = scores + row;
    bf16* p = reinterpret_cast<bf16*>(out + kMaxHeads * kTile);
    for (int64_t query = first; query < first + count; ++query) {
        const int64_t position = segment.num_keys - segment.num_queries + query;
        const int64_t first_key = FirstKeyOf(options, position),
                      num_keys = position + 1 - first_key;
        const bf16* keys = segment.k.data + first_key * segment.k.stride + kv_head * D;
        const bf16* values = segment.v.data + first_key * segment.v.stride + kv_head * D;
        for (int64_t done = 0; done < group; done += kMaxHeads) {
            const int64_t heads = group - done < kMaxHeads ? group - done : kMaxHeads,
                          head = kv_head * group + done;
            float inverse[kMaxHeads];
            for (int64_t h = 0; h < heads; ++h) {
                const bf16* q = segment.q.data + query * segment.q.stride + (head + h) * D;
                (done + h == 0 ? Dots<true> : Dots<false>)(D, num_keys, q, keys, values,
                                                           segment.k.stride, scores);
                const Softmax softmax = Probabilities(options, num_keys, scores, p + h * row);
                inverse[h] = 1 / softmax.sum;
                if (segment.lse != nullptr)
                    segment.lse[(head + h) * segment.lse_stride + query] =
                        softmax.max * kLn2 + std::log(softmax.sum);
            }
            constexpr decltype(&WeightedValues<1>) kWeighted[] = {
                WeightedValues<1>, WeightedValues<2>, WeightedValues<3>, WeightedValues<4>};
            for (int64_t d = 0; d < D; d += kTile) {
                const int64_t columns = D - d < kTile ? D - d : kTile;
                kWeighted[heads - 1](columns, num_keys, p, row, values + d, segment.v.stride, out);
                for (int64_t h = 0; h < heads; ++h)
                    StoreRow(columns, out + h * kTile, inverse[h],
                             segment.out.data + query * segment.out.stride + (head + h) * D + d);
            }
        }
    }
}

int64_t ForwardFewScratch(const AttentionOptions&, int64_t num_keys, int64_t) {
    const int64_t row = RoundUp(num_keys, 32);
    return row * 4 + kMaxHeads * (kTile * 4 + row * 2);
}

}  // namespace hone::avx512
HONE_END_AVX512

#endif  // __x86_64__
