// Tiles for any SIMD: Highway picks the instruction set when the program runs.
//
// A call works through a block of rows and a few panels, a stretch of k at a time. B's stretch
// comes into scratch as floats once for all rows, and A's rows once for all panels: from there an
// element is broadcast by a load. What is computed at a time is twelve rows beside two vectors of
// columns where AVX-512 has 32 registers for the sums, and six where there are sixteen. Between
// stretches the sums are in scratch. All of it fits a second-level cache of a megabyte. While one
// stretch is multiplied, what the next one needs of B is prefetched.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>

#include "kernels/simd/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/gemm/tile_highway.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"
#include "kernels/gemm/tile.h"
#include "kernels/simd/simd-inl.h"
#include "tensor/partition.h"

HWY_BEFORE_NAMESPACE();
namespace hone {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

constexpr bool kWide = hn::MaxLanes(simd::DF()) > 8;
constexpr int kFewRows = 6;
constexpr int kRows = kWide ? 12 : kFewRows;
// The most elements of k that are in scratch at a time: twelve rows of A and their sums are half of
// a first-level cache.
constexpr int64_t kStretch = 256;
// Of a packed A^T, which keeps its order in scratch, columns that are copied of each k.
constexpr int64_t kTransposed = kWide ? 16 : 8;
// Rows from which on it pays to turn B's bf16 into floats first; of fewer, each pair is turned
// where it is multiplied.
constexpr int kRowsForFloats = 48;

struct Scratch {
    // Rows of A as floats: [kRows][kStretch], or of a packed A^T [kStretch][kTransposed].
    HWY_ALIGN float a[kTransposed * kStretch];
    // Of each tile, a stretch of B as floats: [kStretch][stored].
    HWY_ALIGN float b[kMaxTilesBeside][kStretch * kPanelColumns];
    HWY_ALIGN float sums[kMaxTilesBeside][kMaxBlockRows * kPanelColumns];
};

template <typename T>
HWY_INLINE void CopyRows(const T* a, int64_t a_stride, int rows, int64_t k, float* to) {
    for (int row = 0; row < rows; ++row, a += a_stride, to += kStretch) {
        int64_t i = 0;
        for (; i + simd::Lanes() <= k; i += simd::Lanes()) simd::Store(simd::Load(a + i), to + i);
        for (; i < k; ++i) to[i] = ToFloat(a[i]);
    }
}

// A^T's columns, `rows` of them from `a` on, for k elements; whole vectors wherever another k lies
// behind what they read too much.
HWY_INLINE void CopyTransposed(const float* a, int64_t stored, int rows, int64_t k, float* to) {
    for (int64_t i = 0; i < k; ++i, a += stored, to += kTransposed)
        std::memcpy(to, a, (i + 1 < k ? kTransposed : rows) * sizeof(float));
}

HWY_INLINE void CopyTransposed(const bf16* a, int64_t stored, int rows, int64_t k, float* to) {
    const hn::CappedTag<uint32_t, kTransposed> du;
    const hn::RebindToFloat<decltype(du)> df;
    for (int64_t i = 0; i < k; i += 2, a += 2 * stored, to += 2 * kTransposed) {
        uint32_t some[kTransposed] = {};
        const uint32_t* pairs = reinterpret_cast<const uint32_t*>(a);
        if (i + 2 >= k) {
            std::memcpy(some, pairs, rows * sizeof(uint32_t));
            pairs = some;
        }
        for (int64_t row = 0; row < kTransposed; row += static_cast<int64_t>(hn::Lanes(du))) {
            const auto pair = hn::LoadU(du, pairs + row);
            hn::StoreU(simd::FirstOfPairs(du, pair), df, to + row);
            hn::StoreU(simd::SecondOfPairs(du, pair), df, to + kTransposed + row);
        }
    }
}

// Vectors of columns beside R rows: with few rows more of them, so that there are sums enough to
// keep the multipliers busy, and B is read as it lies.
constexpr int VectorsBeside(int R) { return R == 1 ? 8 : R <= 3 ? 4 : 2; }

// acc (+=): one element of each of R rows, kRow apart, times V vectors of columns.
template <int R, int V, int64_t kRow, class D, class Load>
HWY_INLINE void MultiplyAdd(D d, hn::Vec<D> (&acc)[R][V], const float* a, Load load) {
    if constexpr (R <= 3) {
        hn::Vec<D> rows[R];
        for (int r = 0; r < R; ++r) rows[r] = hn::Set(d, a[r * kRow]);
        for (int v = 0; v < V; ++v) {
            const auto columns = load(v);
            for (int r = 0; r < R; ++r) acc[r][v] = hn::MulAdd(rows[r], columns, acc[r][v]);
        }
    } else {
        hn::Vec<D> columns[V];
        for (int v = 0; v < V; ++v) columns[v] = load(v);
        for (int r = 0; r < R; ++r) {
            const auto row = hn::Set(d, a[r * kRow]);
            for (int v = 0; v < V; ++v) acc[r][v] = hn::MulAdd(row, columns[v], acc[r][v]);
        }
    }
}

// What the rows in scratch are multiplied with at a time: a stretch of one panel.
template <typename B>
struct Strip {
    const float* a;  // rows of A
    const B* b;      // [k, stored]; bf16 in pairs
    float* sums;     // rows of kPanelColumns
    int64_t stored, k;
    bool first;  // the sums begin at zero
    // What is needed later: a cache line of it is prefetched every `line_step` elements of k. Not
    // where B is bf16: then there are few rows, and B is read in place.
    uintptr_t later = 0;
    int64_t line_step = 1;
};

// acc (+=): R rows of A, kRow elements apart and kStep from one k to the next, times V vectors of
// columns of B, from b on.
template <int R, int V, int64_t kRow, int64_t kStep, class D>
HWY_INLINE void Accumulate(D d, hn::Vec<D> (&acc)[R][V], Strip<float>& strip,
                           const float* HWY_RESTRICT b) {
    const size_t lanes = hn::Lanes(d);
    const float* HWY_RESTRICT a = strip.a;
    const int64_t k = strip.k, stored = strip.stored, line_step = strip.line_step;
    uintptr_t later = strip.later;
    for (int64_t i = 0; i < k; later += 64) {
        __builtin_prefetch(reinterpret_cast<const void*>(later), 0, 2);
        for (const int64_t stop = std::min(k, i + line_step); i < stop;
             ++i, a += kStep, b += stored)
            MultiplyAdd<R, V, kRow>(d, acc, a, [&](int v) { return hn::LoadU(d, b + v * lanes); });
    }
    strip.later = later;
}

template <int R, int V, int64_t kRow, int64_t kStep, class D>
HWY_INLINE void Accumulate(D d, hn::Vec<D> (&acc)[R][V], const Strip<bf16>& strip,
                           const bf16* HWY_RESTRICT b) {
    const hn::RebindToUnsigned<D> du;
    const size_t lanes = hn::Lanes(d);
    const float* HWY_RESTRICT a = strip.a;
    const uint32_t* HWY_RESTRICT pairs = reinterpret_cast<const uint32_t*>(b);
    for (int64_t i = 0; i < strip.k; i += 2, a += 2 * kStep, pairs += strip.stored) {
        MultiplyAdd<R, V, kRow>(d, acc, a, [&](int v) {
            return simd::FirstOfPairs(du, hn::LoadU(du, pairs + v * lanes));
        });
        MultiplyAdd<R, V, kRow>(d, acc, a + kStep, [&](int v) {
            return simd::SecondOfPairs(du, hn::LoadU(du, pairs + v * lanes));
        });
    }
}

// sums (+=, or = the first time): R rows times V vectors of columns at a time, from `column` on,
// while there are as many; returns the first column that is left.
template <int kMaxLanes, int V, int R, int64_t kRow, int64_t kStep, typename B>
HWY_NOINLINE int64_t Columns(Strip<B>& strip, int64_t column) {
    const hn::CappedTag<float, kMaxLanes> d;
    constexpr int64_t kPerColumn = sizeof(B) == 2 ? 2 : 1;
    const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
    for (; column + V * lanes <= strip.stored; column += V * lanes) {
        float* sums = strip.sums + column;
        hn::Vec<decltype(d)> acc[R][V];
        for (int r = 0; r < R; ++r)
            for (int v = 0; v < V; ++v)
                acc[r][v] =
                    strip.first ? hn::Zero(d) : hn::Load(d, sums + r * kPanelColumns + v * lanes);
        Accumulate<R, V, kRow, kStep>(d, acc, strip, strip.b + column * kPerColumn);
        for (int r = 0; r < R; ++r)
            for (int v = 0; v < V; ++v)
                hn::Store(acc[r][v], d, sums + r * kPanelColumns + v * lanes);
    }
    return column;
}

// The same for all of B's columns, of which there are 16, 32, 48 or 64.
template <int R, int64_t kRow, int64_t kStep, typename B>
HWY_INLINE void AllColumns(Strip<B> strip) {
    int64_t column = 0;
    if constexpr (kWide) {
        column = Columns<16, 2, R, kRow, kStep>(strip, column);
        // Twelve rows keep the multipliers busy with one vector of columns; fewer do not.
        if constexpr (R == kRows) column = Columns<16, 1, R, kRow, kStep>(strip, column);
    }
    if constexpr (VectorsBeside(R) > 2)
        column = Columns<8, VectorsBeside(R), R, kRow, kStep>(strip, column);
    if constexpr (!kWide || R < kRows) Columns<8, 2, R, kRow, kStep>(strip, column);
}

// `count` elements of k of B, in pairs, as floats.
HWY_INLINE void BToFloats(const float*, int64_t, int64_t, float*) {}
HWY_INLINE void BToFloats(const bf16* b, int64_t stored, int64_t count, float* to) {
    const simd::DU du;
    const uint32_t* pairs = reinterpret_cast<const uint32_t*>(b);
    for (int64_t i = 0; i < count; i += 2, pairs += stored, to += 2 * stored)
        for (int64_t column = 0; column < stored; column += simd::Lanes()) {
            const auto pair = hn::LoadU(du, pairs + column);
            hn::StoreU(simd::FirstOfPairs(du, pair), simd::DF(), to + column);
            hn::StoreU(simd::SecondOfPairs(du, pair), simd::DF(), to + stored + column);
        }
}

// Memory into the second-level cache: `count` elements of each of `rows` rows.
template <typename T>
HWY_INLINE void PrefetchRows(const T* from, int64_t stride, int rows, int64_t count) {
    for (int row = 0; row < rows; ++row, from += stride)
        for (int64_t i = 0; i < count; i += 64 / sizeof(T)) __builtin_prefetch(from + i, 0, 2);
}

// R rows, from `row` of the block on, and `count` elements of k, from `begin` on, prefetch their
// share of what comes next: the tile's next stretch, or the first one of the next tile.
template <int R, typename T>
HWY_INLINE void SetLater(const TileArgs<T>& t, int row, int64_t begin, int64_t count,
                         Strip<float>& strip) {
    const int64_t columns = 2 * simd::Lanes();  // that are computed at a time
    const T* next = begin + count < t.k ? t.b + (begin + count) * t.stored : t.next_b;
    strip.later = reinterpret_cast<uintptr_t>(next ? next + count * t.stored * row / t.rows : t.b);
    strip.line_step = std::max<int64_t>(1, t.rows / R * 64 / (columns * int64_t{sizeof(T)}));
}

// sums (+=, the first time =) of R rows, from `row` of the block on: `count` elements of k, from
// `begin` on, of A times the B of each tile. floats: B is in scratch.
template <int R, typename T>
void Stretch(Scratch& scratch, std::span<const TileArgs<T>> tiles, int row, int64_t begin,
             int64_t count, bool floats) {
    const TileArgs<T>& t = tiles[0];
    constexpr int64_t kPair = sizeof(T) == 2 ? 2 : 1;
    const bool transposed = t.a_stored > 0;
    if (transposed) {
        CopyTransposed(t.a + row * kPair + begin * t.a_stored, t.a_stored, R, count, scratch.a);
    } else {
        const T* a = t.a + row * t.a_stride + begin;
        CopyRows(a, t.a_stride, R, count, scratch.a);
        PrefetchRows(a + R * t.a_stride, t.a_stride, std::min(R, t.rows - row - R), count);
    }
    for (size_t i = 0; i < tiles.size(); ++i) {
        float* sums = scratch.sums[i] + row * kPanelColumns;
        if (t.k == 0) {  // there is an extension alone
            std::fill_n(sums, R * kPanelColumns, 0.0f);
            continue;
        }
        const auto multiply = [&]<typename B>(const B* b) {
            Strip<B> strip{scratch.a, b, sums, tiles[i].stored, count, begin == 0};
            if constexpr (sizeof(B) == 4) SetLater<R>(tiles[i], row, begin, count, strip);
            if (transposed)
                AllColumns<R, 1, kTransposed>(strip);
            else
                AllColumns<R, kStretch, 1>(strip);
        };
        if (floats)
            multiply(scratch.b[i]);
        else
            multiply(tiles[i].b + begin * tiles[i].stored);
    }
}

// sums (+=) of R rows, from `row` of the block on: H times H_B.
template <int R, typename T>
void Extension(Scratch& scratch, const TileArgs<T>& t, int row, float* sums) {
    for (int64_t begin = 0; begin < t.h_k; begin += kStretch) {
        const int64_t count = std::min(kStretch, t.h_k - begin);
        CopyRows(t.h + row * t.h_stride + begin, t.h_stride, R, count, scratch.a);
        Strip<T> strip{
            scratch.a, t.h_b + begin * t.stored, sums + row * kPanelColumns, t.stored, count,
            false};
        if constexpr (sizeof(T) == 4) SetLater<R>(t, row, t.k, 0, strip);
        AllColumns<R, kStretch, 1>(strip);
    }
}

// n elements of C, from c on (=, or += where T is float and kAdd): the sums, scaled, and the bias.
template <bool kAdd, typename T>
HWY_INLINE void FinishVector(simd::VF sums, simd::VF scale, const float* bias, T* c, int64_t n) {
    simd::VF value = hn::Add(hn::Mul(sums, scale), bias ? simd::LoadN(bias, n) : simd::Zero());
    if constexpr (kAdd) value = hn::Add(value, simd::LoadN(c, n));
    simd::StoreN(value, c, n);
}

// Of R rows from `row` of the block on.
template <bool kAdd, typename T, typename C>
HWY_INLINE void FinishRows(const TileArgs<T>& t, int row, int R, const float* sums, C* all) {
    const int64_t N = simd::Lanes(), whole = t.width / N * N;
    const simd::VF scale = simd::Set(t.scale);
    for (int r = row; r < row + R; ++r) {
        C* c = all + r * t.c_stride;
        const float* from = sums + r * kPanelColumns;
        int64_t column = 0;
        for (; column < whole; column += N)
            FinishVector<kAdd>(simd::Load(from + column), scale, t.bias ? t.bias + column : nullptr,
                               c + column, N);
        if (column < t.width)
            FinishVector<kAdd>(simd::Load(from + column), scale, t.bias ? t.bias + column : nullptr,
                               c + column, t.width - column);
    }
}

// C (=, += as t.output says): the sums of R rows from `row` of the block on.
template <typename T>
HWY_INLINE void Finish(const TileArgs<T>& t, int row, int R, const float* sums) {
    switch (t.output) {
        case GemmOutput::kStore:
            return FinishRows<false>(t, row, R, sums, static_cast<T*>(t.c));
        case GemmOutput::kStoreF32:
            return FinishRows<false>(t, row, R, sums, static_cast<float*>(t.c));
        case GemmOutput::kAddF32:
            return FinishRows<true>(t, row, R, sums, static_cast<float*>(t.c));
    }
}

// Calls body with the rows of each piece of a block, as a constant, and its first row.
template <class Body>
HWY_INLINE void ForPieces(int rows, const Body& body) {
    int row = 0;
    for (; rows - row >= kRows; row += kRows) body(std::integral_constant<int, kRows>(), row);
    if (rows - row >= kFewRows) {
        body(std::integral_constant<int, kFewRows>(), row);
        row += kFewRows;
    }
    switch (rows - row) {
        case 1:
            return body(std::integral_constant<int, 1>(), row);
        case 2:
            return body(std::integral_constant<int, 2>(), row);
        case 3:
            return body(std::integral_constant<int, 3>(), row);
        case 4:
            return body(std::integral_constant<int, 4>(), row);
        case 5:
            return body(std::integral_constant<int, 5>(), row);
    }
}

template <typename T>
void Run(std::span<const TileArgs<T>> tiles) {
    const int rows = tiles[0].rows;
    Scratch scratch;
    const int64_t k = tiles[0].k;
    const bool floats = sizeof(T) == 2 && rows >= kRowsForFloats;
    const int64_t stretch = RunOfTiles(k, kStretch, simd::Lanes());
    int64_t begin = 0, end;
    do {
        end = std::min(k, begin + stretch);
        for (size_t i = 0; floats && i < tiles.size(); ++i)
            BToFloats(tiles[i].b + begin * tiles[i].stored, tiles[i].stored, end - begin,
                      scratch.b[i]);
        ForPieces(rows, [&](auto R, int row) {
            Stretch<R.value>(scratch, tiles, row, begin, end - begin, floats);
            if (end < k) return;
            for (size_t i = 0; i < tiles.size(); ++i) {
                Extension<R.value>(scratch, tiles[i], row, scratch.sums[i]);
                Finish(tiles[i], row, R, scratch.sums[i]);
            }
        });
        begin = end;
    } while (begin < k);
}

int Rows(int) { return kRows; }

TileFunctions<float> TileTableF32() { return {Run<float>, Rows, kMaxBlockRows, kMaxTilesBeside}; }
TileFunctions<bf16> TileTableBF16() { return {Run<bf16>, Rows, kMaxBlockRows, kMaxTilesBeside}; }

}  // namespace HWY_NAMESPACE
}  // namespace hone
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hone {

HWY_EXPORT(TileTableF32);
HWY_EXPORT(TileTableBF16);

template <>
TileFunctions<float> HighwayTile() {
    return HWY_DYNAMIC_DISPATCH(TileTableF32)();
}
template <>
TileFunctions<bf16> HighwayTile() {
    return HWY_DYNAMIC_DISPATCH(TileTableBF16)();
}

}  // namespace hone
#endif
