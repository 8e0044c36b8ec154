// Attention for any SIMD: tiles of 64 queries by 64 keys in f32, whatever T is.
#include <cmath>

#include "kernels/attention/attention.h"
#include "kernels/simd/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/attention/attention_highway.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "kernels/simd/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace hone {
namespace HWY_NAMESPACE {
namespace attention {
using namespace simd;  // NOLINT: the helpers of this instruction set

constexpr int64_t kTile = kAttentionTile;  // queries and keys of a tile
constexpr int64_t kFewQueries =
    4;                            // below or at this many, keys are read in place instead of packed
constexpr float kNever = -1e30f;  // the maximum before any score

constexpr int64_t RoundUp(int64_t n, int64_t step) { return (n + step - 1) / step * step; }
// Rows of D floats are padded to whole vectors of any length.
constexpr int64_t Padded(int64_t D) { return RoundUp(D, 16); }

// C [4, vectors of columns] (+)= A [4, k] B [k, ...]: element (r, i) of A at a + r * a_row + i *
// a_step.
template <int kVectors, bool kAdd>
HWY_INLINE void Block(int64_t k, const float* a, int64_t a_row, int64_t a_step, const float* b,
                      int64_t b_row, float* c, int64_t c_row) {
    const int64_t N = Lanes();
    VF sum[4][kVectors];
    for (int r = 0; r < 4; ++r)
        for (int v = 0; v < kVectors; ++v) sum[r][v] = kAdd ? Load(c + r * c_row + v * N) : Zero();
    for (int64_t i = 0; i < k; ++i) {
        VF row[kVectors];
        for (int v = 0; v < kVectors; ++v) row[v] = Load(b + i * b_row + v * N);
        for (int r = 0; r < 4; ++r) {
            const VF left = Set(a[r * a_row + i * a_step]);
            for (int v = 0; v < kVectors; ++v) sum[r][v] = hn::MulAdd(left, row[v], sum[r][v]);
        }
    }
    for (int r = 0; r < 4; ++r)
        for (int v = 0; v < kVectors; ++v) Store(sum[r][v], c + r * c_row + v * N);
}

// C [4, n] (+)= A [4, k] B [k, n]; n is a multiple of 16.
template <bool kAdd>
HWY_INLINE void FourRows(int64_t n, int64_t k, const float* a, int64_t a_row, int64_t a_step,
                         const float* b, int64_t b_row, float* c, int64_t c_row) {
    // As many columns as the registers hold: 16 of AVX2, 64 of AVX-512.
    constexpr int kWide = HWY_TARGET == HWY_AVX3 ? 4 : 2;
    const int64_t N = Lanes();
    for (; n >= kWide * N; n -= kWide * N, b += kWide * N, c += kWide * N)
        Block<kWide, kAdd>(k, a, a_row, a_step, b, b_row, c, c_row);
    if constexpr (kWide > 2) {
        if (n == 3 * N) return Block<3, kAdd>(k, a, a_row, a_step, b, b_row, c, c_row);
        if (n == 2 * N) return Block<2, kAdd>(k, a, a_row, a_step, b, b_row, c, c_row);
    }
    if (n == N) Block<1, kAdd>(k, a, a_row, a_step, b, b_row, c, c_row);
}

// The columns of a tile, [begin, end).
struct Columns {
    int64_t begin, end;
};

// Where a row of A does not count as a whole: C [m, n] (+)= A [m, k] B [k, n], of which four rows
// from r on take the elements of k in `of(r)` alone. m is rounded up to fours.
template <bool kAdd, class Of>
HWY_INLINE void ProductOf(Of of, int64_t m, int64_t n, const float* a, int64_t a_row,
                          int64_t a_step, const float* b, int64_t b_row, float* c, int64_t c_row) {
    for (int64_t r = 0; r < m; r += 4) {
        const Columns k = of(r);
        FourRows<kAdd>(n, k.end - k.begin, a + r * a_row + k.begin * a_step, a_row, a_step,
                       b + k.begin * b_row, b_row, c + r * c_row, c_row);
    }
}

// Scores [m, kTile] = A [m, k] B [k, kTile]: of four rows from r on at least the columns `of(r)`.
template <class Of>
HWY_INLINE void Scores(Of of, int64_t m, int64_t k, const float* a, int64_t a_row, const float* b,
                       float* scores) {
    for (int64_t r = 0; r < m; r += 4) {
        const Columns columns = of(r);
        const int64_t begin = columns.begin / 16 * 16, end = RoundUp(columns.end, 16);
        if (begin < end)
            FourRows<false>(end - begin, k, a + r * a_row, a_row, 1, b + begin, kTile,
                            scores + r * kTile + begin, kTile);
    }
}

// to f32 [rows, Padded(D)] = from T * factor; rows from `count` on and columns from D on are zero.
template <typename T>
void CopyRows(int64_t rows, int64_t count, int64_t D, const T* from, int64_t stride, float factor,
              float* to) {
    const int64_t N = Lanes(), width = Padded(D);
    for (int64_t r = 0; r < rows; ++r, to += width) {
        for (int64_t d = 0; d < width; d += N) {
            const int64_t n = r < count ? HWY_MAX(int64_t{0}, HWY_MIN(N, D - d)) : 0;
            Store(n > 0 ? hn::Mul(LoadN(from + r * stride + d, n), Set(factor)) : Zero(), to + d);
        }
    }
}

// to f32 [D, kTile] = up to kTile rows of T, transposed; columns from `count` on are zero.
template <typename T>
void TransposeTile(int64_t count, int64_t D, const T* from, int64_t stride, float* to) {
    for (int64_t d = 0; d < D; ++d) {
        for (int64_t r = 0; r < count; ++r) to[d * kTile + r] = ToFloat(from[r * stride + d]);
        for (int64_t r = count; r < kTile; ++r) to[d * kTile + r] = 0;
    }
}

struct Cap {
    float cap;
    HWY_INLINE VF operator()(VF score) const {
        return cap > 0 ? hn::Mul(Set(cap), Tanh(hn::Mul(score, Set(1 / cap)))) : score;
    }
};

// True in the lanes whose column (from `column` on) lies in [begin, end).
HWY_INLINE auto Inside(int64_t column, int64_t begin, int64_t end) {
    const hn::RebindToSigned<DF> di;
    const auto index = hn::Add(hn::Iota(di, 0), hn::Set(di, static_cast<int32_t>(column)));
    return hn::RebindMask(DF(), hn::And(hn::Gt(index, hn::Set(di, static_cast<int32_t>(begin) - 1)),
                                        hn::Lt(index, hn::Set(di, static_cast<int32_t>(end)))));
}

// One row of scores to probabilities relative to the running maximum; columns outside [begin, end)
// become zero. Returns the factor for what was summed before.
HWY_INLINE float SoftmaxRow(float* scores, int64_t begin, int64_t end, Cap cap, float* max,
                            float* sum) {
    const int64_t N = Lanes();
    VF best = Set(*max);
    for (int64_t c = 0; c < kTile; c += N) {
        const VF score = cap(Load(scores + c));
        Store(score, scores + c);
        best = hn::Max(best, hn::IfThenElse(Inside(c, begin, end), score, Set(kNever)));
    }
    const float now = hn::GetLane(hn::MaxOfLanes(DF(), best));
    VF total = Zero();
    for (int64_t c = 0; c < kTile; c += N) {
        const VF p =
            hn::IfThenElseZero(Inside(c, begin, end), Exp(hn::Sub(Load(scores + c), Set(now))));
        Store(p, scores + c);
        total = hn::Add(total, p);
    }
    const float factor = hn::GetLane(Exp(Set(*max - now)));
    *sum = *sum * factor + Sum(total);
    *max = now;
    return factor;
}

HWY_INLINE int64_t FirstKeyOf(const AttentionOptions& options, int64_t position) {
    return options.window > 0 ? HWY_MAX(int64_t{0}, position - options.window + 1) : 0;
}

HWY_INLINE int64_t WithinTile(int64_t i) { return HWY_MAX(int64_t{0}, HWY_MIN(kTile, i)); }

// The columns of a tile of keys from `key` on that `count` queries from `position` on see.
HWY_INLINE Columns VisibleColumns(const AttentionOptions& options, int64_t position, int64_t key,
                                  int64_t count = 1) {
    return {WithinTile(FirstKeyOf(options, position) - key), WithinTile(position + count - key)};
}

// Of a tile of queries from `query` on those that see any of the four keys from `key` on.
HWY_INLINE Columns SeeingRows(const AttentionOptions& options, int64_t query, int64_t key) {
    return {WithinTile(key - query),
            options.window > 0 ? WithinTile(key + 3 + options.window - query) : kTile};
}

struct ForwardTiles {
    float *keys, *values;  // per tile of keys: [D, kTile] transposed; [kTile, width]
    float *q, *scores, *out, *max,
        *sum;  // [kTile, width], [kTile, kTile], [kTile, width], [kTile] twice
};

// `rows` queries of one head from position `position` on, over tiles of keys that start at key
// `first_key`.
template <typename T>
void ForwardTile(const AttentionOptions& options, const AttentionSegment<T>& segment,
                 const ForwardTiles& tiles, int64_t head, int64_t query, int64_t rows,
                 int64_t first_key) {
    const int64_t D = options.D, width = Padded(D), N = Lanes();
    const int64_t position = segment.num_keys - segment.num_queries + query;
    CopyRows(kTile, rows, D, segment.q.data + query * segment.q.stride + head * D, segment.q.stride,
             options.scale, tiles.q);
    for (int64_t i = 0; i < kTile * width; i += N) Store(Zero(), tiles.out + i);
    for (int64_t r = 0; r < kTile; ++r) tiles.max[r] = kNever, tiles.sum[r] = 0;
    const int64_t from = FirstKeyOf(options, position);
    for (int64_t key = first_key; key < position + rows; key += kTile) {
        if (key + kTile <= from) continue;
        const int64_t tile = (key - first_key) / kTile;
        const auto visible = [&](int64_t r) {
            return VisibleColumns(options, position + r, key, HWY_MIN(int64_t{4}, rows - r));
        };
        Scores(visible, rows, D, tiles.q, width, tiles.keys + tile * D * kTile, tiles.scores);
        for (int64_t r = 0; r < rows; ++r) {
            const Columns columns = VisibleColumns(options, position + r, key);
            const float factor = SoftmaxRow(tiles.scores + r * kTile, columns.begin, columns.end,
                                            Cap{options.soft_cap}, &tiles.max[r], &tiles.sum[r]);
            float* out = tiles.out + r * width;
            for (int64_t d = 0; d < width; d += N)
                Store(hn::Mul(Load(out + d), Set(factor)), out + d);
        }
        ProductOf<true>(visible, rows, width, tiles.scores, kTile, 1,
                        tiles.values + tile * kTile * width, width, tiles.out, width);
    }
    for (int64_t r = 0; r < rows; ++r) {
        T* out = segment.out.data + (query + r) * segment.out.stride + head * D;
        for (int64_t d = 0; d < D; d += N)
            StoreN(hn::Mul(Load(tiles.out + r * width + d), Set(1 / tiles.sum[r])), out + d,
                   HWY_MIN(N, D - d));
        if (segment.lse != nullptr)
            segment.lse[head * segment.lse_stride + query + r] =
                tiles.max[r] + std::log(tiles.sum[r]);
    }
}

// One query against keys read in place: what decoding does.
template <typename T>
void ForwardOne(const AttentionOptions& options, const AttentionSegment<T>& segment, int64_t head,
                int64_t kv_head, int64_t query, float* scratch) {
    const int64_t D = options.D, N = Lanes(),
                  position = segment.num_keys - segment.num_queries + query;
    const int64_t first = FirstKeyOf(options, position), count = position + 1 - first;
    float* q = scratch;
    float* scores = q + Padded(D);
    CopyRows(1, 1, D, segment.q.data + query * segment.q.stride + head * D, 0, options.scale, q);
    for (int64_t j = 0; j < count; ++j) {
        const T* k = segment.k.data + (first + j) * segment.k.stride + kv_head * D;
        VF dot = Zero();
        for (int64_t d = 0; d < D; d += N)
            dot = hn::MulAdd(Load(q + d), LoadN(k + d, HWY_MIN(N, D - d)), dot);
        scores[j] = Sum(dot);
    }
    const Cap cap{options.soft_cap};
    VF best = Set(kNever), total = Zero();
    for (int64_t j = 0; j < count; j += N) {
        const int64_t n = HWY_MIN(N, count - j);
        const VF score = cap(LoadN(scores + j, n));
        StoreN(score, scores + j, n);
        best = hn::Max(best, hn::IfThenElse(Inside(j, 0, count), score, Set(kNever)));
    }
    const float max = hn::GetLane(hn::MaxOfLanes(DF(), best));
    for (int64_t j = 0; j < count; j += N) {
        const int64_t n = HWY_MIN(N, count - j);
        const VF p =
            hn::IfThenElseZero(Inside(j, 0, count), Exp(hn::Sub(LoadN(scores + j, n), Set(max))));
        StoreN(p, scores + j, n);
        total = hn::Add(total, p);
    }
    const float sum = Sum(total);
    if (segment.lse != nullptr)
        segment.lse[head * segment.lse_stride + query] = max + std::log(sum);
    T* out = segment.out.data + query * segment.out.stride + head * D;
    for (int64_t d = 0; d < D; d += N) {
        const int64_t n = HWY_MIN(N, D - d);
        const T* v = segment.v.data + first * segment.v.stride + kv_head * D + d;
        VF even = Zero(), odd = Zero();
        for (int64_t j = 0; j + 1 < count; j += 2) {
            even = hn::MulAdd(Set(scores[j]), LoadN(v + j * segment.v.stride, n), even);
            odd = hn::MulAdd(Set(scores[j + 1]), LoadN(v + (j + 1) * segment.v.stride, n), odd);
        }
        if (count % 2 == 1)
            even = hn::MulAdd(Set(scores[count - 1]), LoadN(v + (count - 1) * segment.v.stride, n),
                              even);
        StoreN(hn::Mul(hn::Add(even, odd), Set(1 / sum)), out + d, n);
    }
}

template <typename T>
void Forward(const AttentionOptions& options, const AttentionSegment<T>& segment, int64_t kv_head,
             int64_t first, int64_t count, void* scratch) {
    const int64_t D = options.D, width = Padded(D), group = options.H / options.KV;
    float* memory = static_cast<float*>(scratch);
    if (count <= kFewQueries) {
        for (int64_t h = kv_head * group; h < (kv_head + 1) * group; ++h)
            for (int64_t i = first; i < first + count; ++i)
                ForwardOne(options, segment, h, kv_head, i, memory);
        return;
    }
    const int64_t position = segment.num_keys - segment.num_queries + first;
    const int64_t first_key = FirstKeyOf(options, position) / kTile * kTile;
    const int64_t num_tiles = (position + count - first_key + kTile - 1) / kTile;
    ForwardTiles tiles;
    tiles.keys = memory;
    tiles.values = tiles.keys + num_tiles * kTile * D;
    tiles.q = tiles.values + num_tiles * kTile * width;
    tiles.scores = tiles.q + kTile * width;
    tiles.out = tiles.scores + kTile * kTile;
    tiles.max = tiles.out + kTile * width;
    tiles.sum = tiles.max + kTile;
    for (int64_t tile = 0; tile < num_tiles; ++tile) {
        const int64_t key = first_key + tile * kTile, rows = HWY_MIN(kTile, position + count - key);
        TransposeTile(rows, D, segment.k.data + key * segment.k.stride + kv_head * D,
                      segment.k.stride, tiles.keys + tile * kTile * D);
        CopyRows(kTile, rows, D, segment.v.data + key * segment.v.stride + kv_head * D,
                 segment.v.stride, 1.0f, tiles.values + tile * kTile * width);
    }
    for (int64_t h = kv_head * group; h < (kv_head + 1) * group; ++h)
        for (int64_t i = first; i < first + count; i += kTile)
            ForwardTile(options, segment, tiles, h, i, HWY_MIN(kTile, first + count - i),
                        first_key);
}

int64_t ForwardScratch(const AttentionOptions& options, int64_t num_keys, int64_t count) {
    const int64_t width = Padded(options.D), keys = RoundUp(num_keys, kTile) + kTile;
    const int64_t floats =
        count <= kFewQueries ? width + keys : 2 * keys * width + kTile * (2 * width + kTile + 2);
    return floats * static_cast<int64_t>(sizeof(float));
}

struct BackwardTiles {
    float *keys_t, *values_t;       // per tile of keys [D, kTile], transposed
    float *keys, *dk, *dv;          // [num_keys, width]
    float *q, *dout, *lse, *delta;  // of one head: [length, width] twice, [length] twice
    float* dq;                      // of one head: [length, dq_width]
    int64_t dq_width;
    float *p, *ds;  // [kTile, kTile]
};

// p = exp(score - lse) in place of the scores, ds = p (dp - delta) slope in place of dp, zero
// outside the mask.
HWY_INLINE void ScoreGradientRow(const AttentionOptions& options, Columns columns, float lse,
                                 float delta, float* p, float* ds) {
    const int64_t N = Lanes();
    const float inverse_cap = options.soft_cap > 0 ? 1 / options.soft_cap : 0.0f;
    for (int64_t c = 0; c < kTile; c += N) {
        const auto inside = Inside(c, columns.begin, columns.end);
        const VF score = Cap{options.soft_cap}(hn::Mul(Load(p + c), Set(options.scale)));
        const VF probability = hn::IfThenElseZero(inside, Exp(hn::Sub(score, Set(lse))));
        const VF t = hn::Mul(score, Set(inverse_cap));
        const VF slope = hn::Mul(hn::NegMulAdd(t, t, Set(1.0f)), Set(options.scale));
        const VF gradient = hn::Mul(hn::Mul(probability, hn::Sub(Load(ds + c), Set(delta))), slope);
        Store(probability, p + c);
        Store(hn::IfThenElseZero(inside, gradient), ds + c);
    }
}

template <typename T>
void BackwardHead(const AttentionOptions& options, const AttentionSegment<T>& segment,
                  const AttentionGradients<T>& gradients, const BackwardTiles& tiles,
                  int64_t head) {
    const int64_t D = options.D, width = Padded(D), N = Lanes(), length = segment.num_queries;
    const int64_t padded = RoundUp(length, kTile);
    CopyRows(padded, length, D, segment.q.data + head * D, segment.q.stride, 1.0f, tiles.q);
    CopyRows(padded, length, D, gradients.dout.data + head * D, gradients.dout.stride, 1.0f,
             tiles.dout);
    for (int64_t i = 0; i < padded * tiles.dq_width; i += N) Store(Zero(), tiles.dq + i);
    for (int64_t r = 0; r < padded; ++r) {
        tiles.lse[r] = r < length ? segment.lse[head * segment.lse_stride + r] : 0.0f;
        VF dot = Zero();
        const T* out = segment.out.data + r * segment.out.stride + head * D;
        for (int64_t d = 0; d < D && r < length; d += N)
            dot = hn::MulAdd(LoadN(out + d, HWY_MIN(N, D - d)), Load(tiles.dout + r * width + d),
                             dot);
        tiles.delta[r] = Sum(dot);
    }
    for (int64_t key = 0; key < segment.num_keys; key += kTile) {
        const float* keys_t = tiles.keys_t + key * D;
        const float* values_t = tiles.values_t + key * D;
        for (int64_t query = key; query < length; query += kTile) {
            if (FirstKeyOf(options, query) >= key + kTile) break;
            const int64_t rows = HWY_MIN(kTile, length - query);
            const float* q = tiles.q + query * width;
            const float* dout = tiles.dout + query * width;
            const auto visible = [&](int64_t r) {
                return VisibleColumns(options, query + r, key, HWY_MIN(int64_t{4}, rows - r));
            };
            const auto seeing = [&](int64_t c) {
                const Columns all = SeeingRows(options, query, key + c);
                const int64_t end = HWY_MIN(all.end, rows);
                return Columns{HWY_MIN(all.begin, end), end};
            };
            Scores(visible, rows, D, q, width, keys_t, tiles.p);
            Scores(visible, rows, D, dout, width, values_t, tiles.ds);
            for (int64_t r = 0; r < rows; ++r)
                ScoreGradientRow(options, VisibleColumns(options, query + r, key),
                                 tiles.lse[query + r], tiles.delta[query + r], tiles.p + r * kTile,
                                 tiles.ds + r * kTile);
            ProductOf<true>(seeing, kTile, width, tiles.p, 1, kTile, dout, width,
                            tiles.dv + key * width, width);
            ProductOf<true>(seeing, kTile, width, tiles.ds, 1, kTile, q, width,
                            tiles.dk + key * width, width);
            ProductOf<true>(visible, rows, width, tiles.ds, kTile, 1, tiles.keys + key * width,
                            width, tiles.dq + query * tiles.dq_width, tiles.dq_width);
        }
    }
}

template <typename T>
void Backward(const AttentionOptions& options, const AttentionSegment<T>& segment,
              const AttentionGradients<T>& gradients, int64_t kv_head, float* dq, void* scratch) {
    const int64_t D = options.D, width = Padded(D), N = Lanes(), group = options.H / options.KV;
    const int64_t num_keys = segment.num_keys, padded_keys = RoundUp(num_keys, kTile);
    const int64_t padded = RoundUp(segment.num_queries, kTile);
    const QueryGradient sums(options, segment.num_queries);
    BackwardTiles tiles;
    float* next = static_cast<float*>(scratch);
    for (float** wide : {&tiles.keys_t, &tiles.values_t, &tiles.keys, &tiles.dk, &tiles.dv})
        *wide = next, next += padded_keys * width;
    for (float** wide : {&tiles.q, &tiles.dout}) *wide = next, next += padded * width;
    tiles.lse = next;
    tiles.delta = tiles.lse + padded;
    tiles.p = tiles.delta + padded;
    tiles.ds = tiles.p + kTile * kTile;
    const T* k = segment.k.data + kv_head * D;
    const T* v = segment.v.data + kv_head * D;
    for (int64_t key = 0; key < num_keys; key += kTile) {
        const int64_t rows = HWY_MIN(kTile, num_keys - key);
        TransposeTile(rows, D, k + key * segment.k.stride, segment.k.stride,
                      tiles.keys_t + key * D);
        TransposeTile(rows, D, v + key * segment.v.stride, segment.v.stride,
                      tiles.values_t + key * D);
    }
    CopyRows(padded_keys, num_keys, D, k, segment.k.stride, 1.0f, tiles.keys);
    for (int64_t i = 0; i < padded_keys * width; i += N)
        Store(Zero(), tiles.dk + i), Store(Zero(), tiles.dv + i);
    tiles.dq_width = sums.width;
    for (int64_t h = 0; h < group; ++h) {
        tiles.dq = dq + h * sums.floats();
        BackwardHead(options, segment, gradients, tiles, kv_head * group + h);
    }
    for (int64_t r = 0; r < num_keys; ++r) {
        for (int64_t d = 0; d < D; d += N) {
            const int64_t n = HWY_MIN(N, D - d);
            StoreN(Load(tiles.dk + r * width + d),
                   gradients.dk.data + r * gradients.dk.stride + kv_head * D + d, n);
            StoreN(Load(tiles.dv + r * width + d),
                   gradients.dv.data + r * gradients.dv.stride + kv_head * D + d, n);
        }
    }
}

int64_t BackwardScratch(const AttentionOptions& options, int64_t num_queries, int64_t num_keys) {
    const int64_t padded = RoundUp(num_queries, kTile), width = Padded(options.D);
    return (RoundUp(num_keys, kTile) * 5 * width + padded * (2 * width + 2) + 2 * kTile * kTile) *
           static_cast<int64_t>(sizeof(float));
}

}  // namespace attention

AttentionFunctions<float> AttentionTableF32() {
    return {attention::Forward<float>, attention::ForwardScratch, attention::Backward<float>,
            attention::BackwardScratch};
}
AttentionFunctions<bf16> AttentionTableBF16() {
    return {attention::Forward<bf16>, attention::ForwardScratch, attention::Backward<bf16>,
            attention::BackwardScratch};
}

}  // namespace HWY_NAMESPACE
}  // namespace hone
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hone {

HWY_EXPORT(AttentionTableF32);
HWY_EXPORT(AttentionTableBF16);

template <>
AttentionFunctions<float> AttentionHighway() {
    return HWY_DYNAMIC_DISPATCH(AttentionTableF32)();
}
template <>
AttentionFunctions<bf16> AttentionHighway() {
    return HWY_DYNAMIC_DISPATCH(AttentionTableBF16)();
}

}  // namespace hone
#endif
