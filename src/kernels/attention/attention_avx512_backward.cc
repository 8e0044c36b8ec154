// The backward pass in AVX512-BF16. Scores are computed transposed, keys by queries: then the
// log-sums and the deltas of the queries lie along the lanes, the probabilities come out as the
// left factor that dv and dk need, and interleaving two rows of score gradients gives the left
// factor that dq needs.
#include "kernels/attention/avx512_tiles.h"

#if defined(__x86_64__)

#include "kernels/attention/attention_avx512.h"

HONE_BEGIN_AVX512
namespace hone::avx512 {
namespace {

// One key head of one document; tokens and keys rounded up to tiles are `padded`.
struct Document {
    int64_t length, padded;         // queries
    int64_t num_keys, padded_keys;  // the first of its tokens
    uint32_t *k, *v;                // [padded_keys, D/2] pairs
    uint32_t* k_interleaved;        // per tile [32, width]
    float *dk, *dv;                 // [padded_keys, width]
    // Of the query head in work:
    uint32_t *q_transposed, *dout_transposed;    // per tile [D/2, 64]
    uint32_t *q_interleaved, *dout_interleaved;  // per tile [32, width]
    float* dq;                                   // [padded, width]
    float *log_sum, *delta;                      // [padded]; log_sum in units of log2
    // Of the tile in work:
    uint32_t *p, *ds;      // [4, 32] pairs along the queries
    uint32_t* ds_by_keys;  // [32, 64] pairs along the keys
};

struct Scores {
    float scale;  // of the dot product, to the exponent of 2 or with a cap to the argument of tanh
    float cap;    // cap * log2(e); 0: none
    float slope;  // d score / d dot product, before the cap
};

// Four keys from row `row` of the tile of keys at `key` on, against the last kVectors * 16 queries
// of the tile at `query`. visible[r]: the queries of those vectors that see key r, as bits; read
// only when kMasked.
template <int kVectors, bool kMasked>
inline __attribute__((always_inline)) void Group(const Document& x, int64_t D, int64_t key,
                                                 int64_t row, int64_t query, Scores scores,
                                                 const uint64_t* visible) {
    const int64_t width = Padded(D), skipped = (4 - kVectors) * kLanes;  // queries
    const float* log_sum = x.log_sum + query + skipped;
    const float* delta = x.delta + query + skipped;
    alignas(64) float factor[4][kVectors][kLanes];  // p * d score / d dot
    {
        __m512 s[4][kVectors];
#pragma GCC unroll 4
        for (int r = 0; r < 4; ++r) {
#pragma GCC unroll 4
            for (int v = 0; v < kVectors; ++v) s[r][v] = _mm512_setzero_ps();
        }
        Accumulate<4, kVectors>(s, x.k + (key + row) * D / 2, D / 2, 1,
                                x.q_transposed + query * D / 2 + skipped, kTile, D / 2);
        const __m512 scale = _mm512_set1_ps(scores.scale), slope = _mm512_set1_ps(scores.slope);
#pragma GCC unroll 4
        for (int v = 0; v < kVectors; ++v) {
            const __m512 logs = _mm512_loadu_ps(log_sum + v * kLanes);
#pragma GCC unroll 4
            for (int r = 0; r < 4; ++r) {
                __m512 score, slopes = slope;
                if (scores.cap > 0) {
                    const __m512 t = Tanh(_mm512_mul_ps(s[r][v], scale));
                    score = _mm512_fmsub_ps(t, _mm512_set1_ps(scores.cap), logs);
                    slopes = _mm512_fnmadd_ps(_mm512_mul_ps(t, t), slope, slope);
                } else {
                    score = _mm512_fmsub_ps(s[r][v], scale, logs);
                }
                __m512 p = Exp2(score);
                if (kMasked)
                    p = _mm512_maskz_mov_ps(static_cast<__mmask16>(visible[r] >> (16 * v)), p);
                _mm512_store_ps(factor[r][v], _mm512_mul_ps(p, slopes));
                _mm256_storeu_si256(
                    reinterpret_cast<__m256i*>(x.p + r * kTilePairs + v * kLanes / 2),
                    (__m256i)_mm512_cvtneps_pbh(p));
            }
        }
    }
    const int64_t pairs = kVectors * kLanes / 2;
    AddProduct(x.p, kTilePairs, 1, x.dout_interleaved + query / 2 * width + skipped / 2 * width,
               pairs, x.dv + (key + row) * width, width);
    {
        __m512 s[4][kVectors];
#pragma GCC unroll 4
        for (int r = 0; r < 4; ++r) {
#pragma GCC unroll 4
            for (int v = 0; v < kVectors; ++v) s[r][v] = _mm512_setzero_ps();
        }
        Accumulate<4, kVectors>(s, x.v + (key + row) * D / 2, D / 2, 1,
                                x.dout_transposed + query * D / 2 + skipped, kTile, D / 2);
        const __m512i interleave =
            _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7,
                             22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
#pragma GCC unroll 4
        for (int v = 0; v < kVectors; ++v) {
            const __m512 deltas = _mm512_loadu_ps(delta + v * kLanes);
#pragma GCC unroll 2
            for (int r = 0; r < 4; r += 2) {
                const __m512 first =
                    _mm512_mul_ps(_mm512_load_ps(factor[r][v]), _mm512_sub_ps(s[r][v], deltas));
                const __m512 second = _mm512_mul_ps(_mm512_load_ps(factor[r + 1][v]),
                                                    _mm512_sub_ps(s[r + 1][v], deltas));
                const __m512i both = (__m512i)_mm512_cvtne2ps_pbh(second, first);
                uint32_t* rows = x.ds + r * kTilePairs + v * kLanes / 2;
                _mm256_storeu_si256(reinterpret_cast<__m256i*>(rows), _mm512_castsi512_si256(both));
                _mm256_storeu_si256(reinterpret_cast<__m256i*>(rows + kTilePairs),
                                    _mm512_extracti64x4_epi64(both, 1));
                _mm512_storeu_si512(x.ds_by_keys + (row + r) / 2 * kTile + skipped + v * kLanes,
                                    _mm512_permutexvar_epi16(interleave, both));
            }
        }
    }
    AddProduct(x.ds, kTilePairs, 1, x.q_interleaved + query / 2 * width + skipped / 2 * width,
               pairs, x.dk + (key + row) * width, width);
}

// One tile of keys against one tile of queries.
void Tile(const AttentionOptions& options, const Document& x, int64_t key, int64_t query,
          Scores scores) {
    const int64_t D = options.D, width = Padded(D);
    const int64_t keys = x.num_keys - key < kTile ? x.num_keys - key : kTile;
    const int64_t queries = x.length - query < kTile ? x.length - query : kTile;
    const int64_t last_query = query + kTile - 1;
    for (int64_t row = 0; row < keys; row += 4) {
        const int64_t first_key = key + row;
        const bool masked = query < first_key + 3 || FirstKeyOf(options, last_query) > first_key;
        if (!masked) {
            Group<4, false>(x, D, key, row, query, scores, nullptr);
            continue;
        }
        const int64_t skipped = first_key > query ? (first_key - query) / kLanes * kLanes : 0;
        uint64_t visible[4];
        for (int r = 0; r < 4; ++r) {
            const int64_t from = first_key + r - query;  // the first query that sees the key
            visible[r] = Bits(from, options.window > 0 ? from + options.window : kTile) >> skipped;
        }
        switch (skipped / kLanes) {
            case 0:
                Group<4, true>(x, D, key, row, query, scores, visible);
                break;
            case 1:
                Group<3, true>(x, D, key, row, query, scores, visible);
                break;
            case 2:
                Group<2, true>(x, D, key, row, query, scores, visible);
                break;
            default:
                Group<1, true>(x, D, key, row, query, scores, visible);
                break;
        }
    }
    // On the diagonal the four queries of a group see no key past their own group of four.
    for (int64_t row = 0; row < queries; row += 4) {
        int64_t seen = RoundUp(keys, 4);
        if (query == key && row + 4 < seen) seen = row + 4;
        AddProduct(x.ds_by_keys + row, 1, kTile, x.k_interleaved + key / 2 * width, seen / 2,
                   x.dq + (query + row) * width, width);
    }
}

// Packs the queries and output gradients of one head.
void LoadHead(const AttentionOptions& options, const AttentionSegment<bf16>& segment,
              const AttentionGradients<bf16>& gradients, int64_t head, const Document& x) {
    const int64_t D = options.D, width = Padded(D);
    for (int64_t token = 0; token < x.length; token += kTile) {
        const int64_t rows = x.length - token < kTile ? x.length - token : kTile;
        const bf16* q = segment.q.data + token * segment.q.stride + head * D;
        const bf16* dout = gradients.dout.data + token * gradients.dout.stride + head * D;
        PackTransposed(rows, D, q, segment.q.stride, x.q_transposed + token * D / 2);
        PackTransposed(rows, D, dout, gradients.dout.stride, x.dout_transposed + token * D / 2);
        PackInterleaved(rows, D, q, segment.q.stride, x.q_interleaved + token / 2 * width);
        PackInterleaved(rows, D, dout, gradients.dout.stride,
                        x.dout_interleaved + token / 2 * width);
    }
    for (int64_t r = 0; r < x.padded; ++r) {
        x.log_sum[r] = x.delta[r] = 0;
        if (r >= x.length) continue;
        x.log_sum[r] = segment.lse[head * segment.lse_stride + r] * kLog2E;
        const bf16* dout = gradients.dout.data + r * gradients.dout.stride + head * D;
        const bf16* out = segment.out.data + r * segment.out.stride + head * D;
        __m512 sum = _mm512_setzero_ps();
        for (int64_t d = 0; d < D; d += 32) {
            const __m512i left = _mm512_maskz_loadu_epi16(First32(D - d), dout + d);
            const __m512i right = _mm512_maskz_loadu_epi16(First32(D - d), out + d);
            sum = _mm512_dpbf16_ps(sum, (__m512bh)left, (__m512bh)right);
        }
        x.delta[r] = _mm512_reduce_add_ps(sum);
    }
    std::memset(x.dq, 0, static_cast<size_t>(x.padded * width) * sizeof(float));
}

// Cuts the scratch; returns the bytes it takes.
int64_t Layout(const AttentionOptions& options, int64_t length, int64_t num_keys, void* scratch,
               Document* x) {
    const int64_t D = options.D, width = Padded(D), padded = RoundUp(length, kTile);
    const int64_t padded_keys = RoundUp(num_keys, kTile);
    x->length = length;
    x->padded = padded;
    x->num_keys = num_keys;
    x->padded_keys = padded_keys;
    // An address, for a null pointer has no parts.
    const auto begin = reinterpret_cast<uintptr_t>(scratch);
    uintptr_t next = begin;
    auto take = [&](int64_t words) {
        const uintptr_t taken = next;
        next += static_cast<uintptr_t>(words) * sizeof(uint32_t);
        return reinterpret_cast<uint32_t*>(taken);
    };
    for (float** wide : {&x->dk, &x->dv})
        *wide = reinterpret_cast<float*>(take(padded_keys * width));
    for (uint32_t** pairs : {&x->k, &x->v}) *pairs = take(padded_keys * D / 2);
    x->k_interleaved = take(padded_keys / 2 * width);
    for (uint32_t** pairs : {&x->q_transposed, &x->dout_transposed}) *pairs = take(padded * D / 2);
    for (uint32_t** pairs : {&x->q_interleaved, &x->dout_interleaved})
        *pairs = take(padded / 2 * width);
    for (float** one : {&x->log_sum, &x->delta}) *one = reinterpret_cast<float*>(take(padded));
    for (uint32_t** pairs : {&x->p, &x->ds}) *pairs = take(4 * kTilePairs);
    x->ds_by_keys = take(kTilePairs * kTile);
    return static_cast<int64_t>(next - begin);
}

}  // namespace

void Backward(const AttentionOptions& options, const AttentionSegment<bf16>& segment,
              const AttentionGradients<bf16>& gradients, int64_t kv_head, float* dq,
              void* scratch) {
    const int64_t D = options.D, width = Padded(D), group = options.H / options.KV,
                  length = segment.num_queries, num_keys = segment.num_keys;
    const QueryGradient sums(options, length);
    Document x;
    Layout(options, length, num_keys, scratch, &x);
    const bf16* k = segment.k.data + kv_head * D;
    CopyRows(x.padded_keys, num_keys, D, k, segment.k.stride, x.k);
    CopyRows(x.padded_keys, num_keys, D, segment.v.data + kv_head * D, segment.v.stride, x.v);
    for (int64_t key = 0; key < num_keys; key += kTile)
        PackInterleaved(num_keys - key < kTile ? num_keys - key : kTile, D,
                        k + key * segment.k.stride, segment.k.stride,
                        x.k_interleaved + key / 2 * width);
    std::memset(x.dk, 0,
                static_cast<size_t>(2 * x.padded_keys * width) * sizeof(float));  // and dv
    const Scores scores = options.soft_cap > 0 ? Scores{options.scale / options.soft_cap,
                                                        options.soft_cap * kLog2E, options.scale}
                                               : Scores{options.scale * kLog2E, 0, options.scale};
    for (int64_t h = 0; h < group; ++h) {
        x.dq = dq + h * sums.floats();
        LoadHead(options, segment, gradients, kv_head * group + h, x);
        for (int64_t key = 0; key < num_keys; key += kTile) {
            for (int64_t query = key; query < length; query += kTile) {
                if (FirstKeyOf(options, query) >= key + kTile) break;
                Tile(options, x, key, query, scores);
            }
        }
    }
    for (int64_t r = 0; r < num_keys; ++r) {
        StoreRow(D, x.dk + r * width, 1, gradients.dk.data + r * gradients.dk.stride + kv_head * D);
        StoreRow(D, x.dv + r * width, 1, gradients.dv.data + r * gradients.dv.stride + kv_head * D);
    }
}

int64_t BackwardScratch(const AttentionOptions& options, int64_t num_queries, int64_t num_keys) {
    Document x;
    return Layout(options, num_queries, num_keys, nullptr, &x);
}

}  // namespace hone::avx512
HONE_END_AVX512

#endif  // __x86_64__
