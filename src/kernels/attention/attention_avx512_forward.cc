// The forward pass in AVX512-BF16: tiles of 64 keys against groups of four queries whose 4 x 64
// scores stay in registers from the product to the rounded probabilities.
#include "kernels/attention/avx512_tiles.h"

#if defined(__x86_64__)

#include <cmath>

#include "kernels/attention/attention_avx512.h"

HONE_BEGIN_AVX512
namespace hone::avx512 {
namespace {

// A running maximum is raised only when a score passes it by this much (in powers of two):
// probabilities up to 2^8 are as exact as those up to 1, and most tiles then need neither a
// reduction across lanes nor a rescaling.
constexpr float kSlack = 8;

// State of a tile of 64 queries of one head. Scores are in units of log2 after the scale.
struct QueryTile {
    const uint32_t* q;  // [64, D/2] pairs
    float* out;         // [64, width], not yet divided by the sums
    float* sums;        // [64, 16] partial sums of probabilities
    float* max;         // [64]
    uint32_t* p;        // [4, 32] pairs: probabilities of the group in work
};

struct Scores {
    float scale;  // score * log2(e), or with a cap the factor of the argument of tanh
    float cap;    // cap * log2(e); 0: none
};

// Raises the maximum of one row to `best` and rescales what it has summed.
inline void RaiseMax(float best, int64_t width, float* max, float* sums, float* out) {
    const float before = *max;
    *max = best;
    if (before == kNever) return;  // nothing is summed yet
    const __m512 factor = Exp2(_mm512_set1_ps(before - best));
    _mm512_storeu_ps(sums, _mm512_mul_ps(_mm512_loadu_ps(sums), factor));
    for (int64_t d = 0; d < width; d += kLanes)
        _mm512_storeu_ps(out + d, _mm512_mul_ps(_mm512_loadu_ps(out + d), factor));
}

// Four queries from row `row` of the tile on, against the first kVectors * 16 keys of a tile of
// keys. visible[r]: the keys that query r sees, as bits; read only when kMasked.
template <int kVectors, bool kMasked>
inline __attribute__((always_inline)) void Group(const QueryTile& tile, int64_t row, int64_t D,
                                                 int64_t width, Scores scores,
                                                 const uint64_t* visible, const uint32_t* keys,
                                                 const uint32_t* values) {
    __m512 s[4][kVectors];
#pragma GCC unroll 4
    for (int r = 0; r < 4; ++r) {
#pragma GCC unroll 4
        for (int v = 0; v < kVectors; ++v) s[r][v] = _mm512_setzero_ps();
    }
    Accumulate<4, kVectors>(s, tile.q + row * D / 2, D / 2, 1, keys, kTile, D / 2);
    const __m512 scale = _mm512_set1_ps(scores.scale);
#pragma GCC unroll 4
    for (int r = 0; r < 4; ++r) {
        __m512 best = _mm512_set1_ps(kNever);
#pragma GCC unroll 4
        for (int v = 0; v < kVectors; ++v) {
            s[r][v] = _mm512_mul_ps(s[r][v], scale);
            if (scores.cap > 0) s[r][v] = _mm512_mul_ps(Tanh(s[r][v]), _mm512_set1_ps(scores.cap));
            best = kMasked
                       ? _mm512_mask_max_ps(best, static_cast<__mmask16>(visible[r] >> (16 * v)),
                                            best, s[r][v])
                       : _mm512_max_ps(best, s[r][v]);
        }
        float* max = tile.max + row + r;
        float* sums = tile.sums + (row + r) * kLanes;
        if (_mm512_cmp_ps_mask(best, _mm512_set1_ps(*max + kSlack), _CMP_GT_OQ) != 0)
            RaiseMax(_mm512_reduce_max_ps(best), width, max, sums, tile.out + (row + r) * width);
        const __m512 shift = _mm512_set1_ps(*max);
        __m512 sum = _mm512_loadu_ps(sums);
#pragma GCC unroll 4
        for (int v = 0; v < kVectors; ++v) {
            __m512 p = Exp2(_mm512_sub_ps(s[r][v], shift));
            if (kMasked) p = _mm512_maskz_mov_ps(static_cast<__mmask16>(visible[r] >> (16 * v)), p);
            sum = _mm512_add_ps(sum, p);
            _mm256_storeu_si256(
                reinterpret_cast<__m256i*>(tile.p + r * kTilePairs + v * kLanes / 2),
                (__m256i)_mm512_cvtneps_pbh(p));
        }
        _mm512_storeu_ps(sums, sum);
    }
    AddProduct(tile.p, kTilePairs, 1, values, kVectors * kLanes / 2, tile.out + row * width, width);
}

// The tile's queries (`rows` of them from `position` on) against the tile of keys from `key` on.
void Tile(const AttentionOptions& options, const QueryTile& tile, int64_t rows, int64_t position,
          int64_t key, Scores scores, const uint32_t* keys, const uint32_t* values) {
    const int64_t D = options.D, width = Padded(D);
    for (int64_t row = 0; row < rows; row += 4) {
        const int64_t first = position + row, last = first + 3;
        const bool masked = key + kTile > first + 1 || FirstKeyOf(options, last) > key;
        if (!masked) {
            Group<4, false>(tile, row, D, width, scores, nullptr, keys, values);
            continue;
        }
        uint64_t visible[4];
        for (int r = 0; r < 4; ++r)
            visible[r] = Bits(FirstKeyOf(options, first + r) - key, first + r + 1 - key);
        const int64_t end = last + 1 - key < kTile ? last + 1 - key : kTile;
        if (end <= 0 || FirstKeyOf(options, first) >= key + kTile) continue;
        switch ((end + kLanes - 1) / kLanes) {
            case 1:
                Group<1, true>(tile, row, D, width, scores, visible, keys, values);
                break;
            case 2:
                Group<2, true>(tile, row, D, width, scores, visible, keys, values);
                break;
            case 3:
                Group<3, true>(tile, row, D, width, scores, visible, keys, values);
                break;
            default:
                Group<4, true>(tile, row, D, width, scores, visible, keys, values);
                break;
        }
    }
}

}  // namespace

void Forward(const AttentionOptions& options, const AttentionSegment<bf16>& segment,
             int64_t kv_head, int64_t first, int64_t count, void* scratch) {
    const int64_t D = options.D, width = Padded(D), group = options.H / options.KV;
    const int64_t position = segment.num_keys - segment.num_queries + first;
    const int64_t first_key = FirstKeyOf(options, position) / kTile * kTile;
    const int64_t num_tiles = (position + count - first_key + kTile - 1) / kTile;
    uint32_t* keys = static_cast<uint32_t*>(scratch);
    uint32_t* values = keys + num_tiles * kTile * D / 2;
    uint32_t* q = values + num_tiles * kTilePairs * width;
    uint32_t* p = q + kTile * D / 2;
    float* out = reinterpret_cast<float*>(p + 4 * kTilePairs);
    float* sums = out + kTile * width;
    float* max = sums + kTile * kLanes;
    for (int64_t i = 0; i < num_tiles; ++i) {
        const int64_t key = first_key + i * kTile, left = position + count - key,
                      rows = left < kTile ? left : kTile;
        PackTransposed(rows, D, segment.k.data + key * segment.k.stride + kv_head * D,
                       segment.k.stride, keys + i * kTile * D / 2);
        PackInterleaved(rows, D, segment.v.data + key * segment.v.stride + kv_head * D,
                        segment.v.stride, values + i * kTilePairs * width);
    }
    const Scores scores = options.soft_cap > 0
                              ? Scores{options.scale / options.soft_cap, options.soft_cap * kLog2E}
                              : Scores{options.scale * kLog2E, 0};
    const QueryTile tile{q, out, sums, max, p};
    for (int64_t h = kv_head * group; h < (kv_head + 1) * group; ++h) {
        for (int64_t query = first; query < first + count; query += kTile) {
            const int64_t rows = first + count - query < kTile ? first + count - query : kTile;
            const int64_t at = position + query - first;
            CopyRows(kTile, rows, D, segment.q.data + query * segment.q.stride + h * D,
                     segment.q.stride, q);
            std::memset(
                out, 0,
                static_cast<size_t>(kTile * (width + kLanes)) * sizeof(float));  // and the sums
            for (int64_t r = 0; r < kTile; ++r) max[r] = kNever;
            int64_t i = (FirstKeyOf(options, at) - first_key) / kTile;
            for (; first_key + i * kTile < at + rows; ++i)
                Tile(options, tile, rows, at, first_key + i * kTile, scores,
                     keys + i * kTile * D / 2, values + i * kTilePairs * width);
            for (int64_t r = 0; r < rows; ++r) {
                const float sum = _mm512_reduce_add_ps(_mm512_loadu_ps(sums + r * kLanes));
                StoreRow(D, out + r * width, 1 / sum,
                         segment.out.data + (query + r) * segment.out.stride + h * D);
                if (segment.lse != nullptr)
                    segment.lse[h * segment.lse_stride + query + r] = max[r] * kLn2 + std::log(sum);
            }
        }
    }
}

int64_t ForwardScratch(const AttentionOptions& options, int64_t num_keys, int64_t) {
    const int64_t width = Padded(options.D), keys = RoundUp(num_keys, kTile) + kTile;
    const int64_t dwords =
        keys * width / 2 * 2 + kTile * width / 2 + 4 * kTilePairs + kTile * (width + kLanes + 1);
    return dwords * static_cast<int64_t>(sizeof(uint32_t));
}

}  // namespace hone::avx512
HONE_END_AVX512

#endif  // __x86_64__
