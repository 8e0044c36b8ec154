// Tiles for any SIMD: Highway picks the instruction set when the program runs.
//
// A's rows come into scratch as floats first, a stretch of k at a time: once for all columns of the
// tile, and from there an element is broadcast by a load. Beside six rows columns are taken two
// vectors at a time, so that the accumulators fit sixteen registers; AVX-512 has 32 of them, for
// twelve rows. A pair of B's bf16 is two floats by a shift and a mask.
#include <algorithm>
#include <cstddef>
#include <cstring>

#include "kernels/simd/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/gemm/tile_highway.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"
#include "kernels/gemm/tile.h"
#include "kernels/simd/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace hone {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

constexpr bool kWide = hn::MaxLanes(simd::DF()) > 8;
constexpr int kFewRows = 6;
constexpr int kRows = kWide ? 12 : kFewRows;
// Elements of k that are in scratch at a time: with the sums, half of a first-level cache.
constexpr int64_t kStretch = kWide ? 256 : 512;
// Of a packed A^T, which keeps its order in scratch, columns that are copied of each k.
constexpr int64_t kTransposed = kWide ? 16 : 8;

// Tile rows of A as floats: [kRows][kStretch], or of a packed A^T [kStretch][kTransposed].
struct Scratch {
    HWY_ALIGN float a[kTransposed * kStretch];
    HWY_ALIGN float sums[kRows * kPanelColumns];
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

// acc (+=): R rows of A, kRow elements apart and kStep from one k to the next, times V vectors of
// columns of B.
template <int R, int V, int64_t kRow, int64_t kStep, class D>
HWY_INLINE void Accumulate(D d, hn::Vec<D> (&acc)[R][V], const float* HWY_RESTRICT a,
                           const float* HWY_RESTRICT b, int64_t stored, int64_t k) {
    const size_t lanes = hn::Lanes(d);
    for (int64_t i = 0; i < k; ++i, a += kStep, b += stored)
        MultiplyAdd<R, V, kRow>(d, acc, a, [&](int v) { return hn::LoadU(d, b + v * lanes); });
}

template <int R, int V, int64_t kRow, int64_t kStep, class D>
HWY_INLINE void Accumulate(D d, hn::Vec<D> (&acc)[R][V], const float* HWY_RESTRICT a,
                           const bf16* HWY_RESTRICT b, int64_t stored, int64_t k) {
    const hn::RebindToUnsigned<D> du;
    const size_t lanes = hn::Lanes(d);
    const uint32_t* HWY_RESTRICT pairs = reinterpret_cast<const uint32_t*>(b);
    for (int64_t i = 0; i < k; i += 2, a += 2 * kStep, pairs += stored) {
        MultiplyAdd<R, V, kRow>(d, acc, a, [&](int v) {
            return simd::FirstOfPairs(du, hn::LoadU(du, pairs + v * lanes));
        });
        MultiplyAdd<R, V, kRow>(d, acc, a + kStep, [&](int v) {
            return simd::SecondOfPairs(du, hn::LoadU(du, pairs + v * lanes));
        });
    }
}

// sums (+=): the rows in scratch times V vectors of B's columns at a time, from `column` on, while
// there are as many; returns the first column that is left.
template <int kMaxLanes, int V, typename T, int R, int64_t kRow, int64_t kStep>
HWY_NOINLINE int64_t Columns(Scratch& scratch, const T* b, int64_t column, int64_t stored,
                             int64_t k) {
    const hn::CappedTag<float, kMaxLanes> d;
    constexpr int64_t kPerColumn = sizeof(T) == 2 ? 2 : 1;
    const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
    for (; column + V * lanes <= stored; column += V * lanes) {
        float* sums = scratch.sums + column;
        hn::Vec<decltype(d)> acc[R][V];
        for (int r = 0; r < R; ++r)
            for (int v = 0; v < V; ++v)
                acc[r][v] = hn::Load(d, sums + r * kPanelColumns + v * lanes);
        Accumulate<R, V, kRow, kStep>(d, acc, scratch.a, b + column * kPerColumn, stored, k);
        for (int r = 0; r < R; ++r)
            for (int v = 0; v < V; ++v)
                hn::Store(acc[r][v], d, sums + r * kPanelColumns + v * lanes);
    }
    return column;
}

// The same for all of B's columns, of which there are 16, 32, 48 or 64.
template <typename T, int R, int64_t kRow, int64_t kStep>
HWY_INLINE void AllColumns(Scratch& scratch, const T* b, int64_t stored, int64_t k) {
    int64_t column = 0;
    if constexpr (hn::MaxLanes(simd::DF()) > 8)
        column = Columns<16, 2, T, R, kRow, kStep>(scratch, b, column, stored, k);
    if constexpr (VectorsBeside(R) > 2)
        column = Columns<8, VectorsBeside(R), T, R, kRow, kStep>(scratch, b, column, stored, k);
    Columns<8, 2, T, R, kRow, kStep>(scratch, b, column, stored, k);
}

// sums (+=): R rows of A times B. With a_stored as in TileArgs.
template <typename T, int R>
void Product(Scratch& scratch, const T* a, int64_t a_stride, int64_t a_stored, const T* b,
             int64_t stored, int64_t k) {
    for (int64_t begin = 0; begin < k; begin += kStretch) {
        const int64_t count = std::min(kStretch, k - begin);
        const T* panel = b + begin * stored;
        if (a_stored > 0) {
            CopyTransposed(a + begin * a_stored, a_stored, R, count, scratch.a);
            AllColumns<T, R, 1, kTransposed>(scratch, panel, stored, count);
        } else {
            CopyRows(a + begin, a_stride, R, count, scratch.a);
            AllColumns<T, R, kStretch, 1>(scratch, panel, stored, count);
        }
    }
}

// C (=, += as t.output says): the sums of one row.
template <typename T>
HWY_INLINE void Finish(const TileArgs<T>& t, int row, const float* sums) {
    const simd::VF scale = simd::Set(t.scale);
    for (int64_t column = 0; column < t.width; column += simd::Lanes()) {
        const int64_t n = std::min<int64_t>(simd::Lanes(), t.width - column),
                      at = row * t.c_stride + column;
        const simd::VF bias = t.bias ? simd::LoadN(t.bias + column, n) : simd::Zero();
        const simd::VF value = hn::Add(hn::Mul(simd::Load(sums + column), scale), bias);
        float* c = static_cast<float*>(t.c) + at;
        switch (t.output) {
            case GemmOutput::kStore:
                simd::StoreN(value, static_cast<T*>(t.c) + at, n);
                break;
            case GemmOutput::kStoreF32:
                simd::StoreN(value, c, n);
                break;
            case GemmOutput::kAddF32:
                simd::StoreN(hn::Add(value, simd::LoadN(c, n)), c, n);
                break;
        }
    }
}

template <typename T, int R>
void RunRows(const TileArgs<T>& t) {
    Scratch scratch;
    std::memset(scratch.sums, 0, sizeof scratch.sums);
    Product<T, R>(scratch, t.a, t.a_stride, t.a_stored, t.b, t.stored, t.k);
    if (t.h_k > 0) Product<T, R>(scratch, t.h, t.h_stride, 0, t.h_b, t.stored, t.h_k);
    for (int row = 0; row < R; ++row) Finish(t, row, scratch.sums + row * kPanelColumns);
}

// The tile without its first `rows` rows.
template <typename T>
TileArgs<T> Below(const TileArgs<T>& t, int rows) {
    TileArgs<T> below = t;
    below.rows -= rows;
    // A^T in bf16 has the elements of two k side by side.
    const int64_t step = t.a_stored == 0 ? t.a_stride : sizeof(T) == 2 ? 2 : 1;
    below.a += rows * step;
    if (t.h_k > 0) below.h += rows * t.h_stride;
    const int64_t size = t.output == GemmOutput::kStore ? sizeof(T) : sizeof(float);
    below.c = static_cast<std::byte*>(t.c) + rows * t.c_stride * size;
    return below;
}

template <typename T>
void Run(const TileArgs<T>& t) {
    switch (t.rows) {
        case 1:
            return RunRows<T, 1>(t);
        case 2:
            return RunRows<T, 2>(t);
        case 3:
            return RunRows<T, 3>(t);
        case 4:
            return RunRows<T, 4>(t);
        case 5:
            return RunRows<T, 5>(t);
        case kRows:
            return RunRows<T, kRows>(t);
        default:
            RunRows<T, kFewRows>(t);
            if (t.rows > kFewRows) Run(Below(t, kFewRows));
    }
}

int Rows(int) { return kRows; }

TileFunctions<float> TileTableF32() { return {Run<float>, Rows}; }
TileFunctions<bf16> TileTableBF16() { return {Run<bf16>, Rows}; }

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
