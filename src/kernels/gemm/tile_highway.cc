// Tiles for any SIMD: Highway picks the instruction set when the program runs.
//
// Columns are taken two vectors at a time, so that six rows of accumulators fit sixteen registers.
// A pair of bf16 is two floats by a shift and a mask.
#include "kernels/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/gemm/tile_highway.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"
#include "kernels/gemm/tile.h"

HWY_BEFORE_NAMESPACE();
namespace hone {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// At most 8 lanes: two vectors then divide every stored width (16, 32, 48, 64).
using D = hn::CappedTag<float, 8>;

// A's rows are a_stride apart, and its pairs along k (of floats: its single elements) a_step.
template <int R>
HWY_INLINE void Accumulate(D d, hn::Vec<D> (&acc)[R][2], const float* a, int64_t a_stride,
                           int64_t a_step, const float* b, int stored, int64_t k) {
    const size_t lanes = hn::Lanes(d);
    for (int64_t i = 0; i < k; ++i) {
        const auto left = hn::LoadU(d, b + i * stored),
                   right = hn::LoadU(d, b + i * stored + lanes);
        for (int r = 0; r < R; ++r) {
            const auto row = hn::Set(d, a[r * a_stride + i * a_step]);
            acc[r][0] = hn::MulAdd(row, left, acc[r][0]);
            acc[r][1] = hn::MulAdd(row, right, acc[r][1]);
        }
    }
}

template <int R>
HWY_INLINE void Accumulate(D d, hn::Vec<D> (&acc)[R][2], const bf16* a, int64_t a_stride,
                           int64_t a_step, const bf16* b, int stored, int64_t k) {
    const size_t lanes = hn::Lanes(d);
    const hn::RebindToUnsigned<D> du;
    const auto high_mask = hn::Set(du, 0xffff0000u);
    const uint32_t* pairs = reinterpret_cast<const uint32_t*>(b);
    for (int64_t i = 0; i < k / 2; ++i) {
        const auto left = hn::LoadU(du, pairs + i * stored),
                   right = hn::LoadU(du, pairs + i * stored + lanes);
        const auto left0 = hn::BitCast(d, hn::ShiftLeft<16>(left)),
                   left1 = hn::BitCast(d, hn::And(left, high_mask));
        const auto right0 = hn::BitCast(d, hn::ShiftLeft<16>(right)),
                   right1 = hn::BitCast(d, hn::And(right, high_mask));
        for (int r = 0; r < R; ++r) {
            const bf16* pair = a + r * a_stride + i * a_step;
            const auto row0 = hn::Set(d, ToFloat(pair[0])), row1 = hn::Set(d, ToFloat(pair[1]));
            acc[r][0] = hn::MulAdd(row1, left1, hn::MulAdd(row0, left0, acc[r][0]));
            acc[r][1] = hn::MulAdd(row1, right1, hn::MulAdd(row0, right0, acc[r][1]));
        }
    }
}

// [rows][2 vectors] of C from `column` on.
template <typename T, int R>
void RunColumns(const TileArgs<T>& t, int column) {
    const D d;
    const int lanes = static_cast<int>(hn::Lanes(d));
    const int64_t per_column = sizeof(T) == 2 ? 2 : 1;
    hn::Vec<D> acc[R][2];
    for (int r = 0; r < R; ++r) acc[r][0] = acc[r][1] = hn::Zero(d);
    const int64_t a_stride = t.a_stored > 0 ? per_column : t.a_stride;
    const int64_t a_step = t.a_stored > 0 ? t.a_stored * per_column : per_column;
    Accumulate<R>(d, acc, t.a, a_stride, a_step, t.b + column * per_column, t.stored, t.k);
    if (t.h_k > 0)
        Accumulate<R>(d, acc, t.h, t.h_stride, per_column, t.h_b + column * per_column, t.stored,
                      t.h_k);
    HWY_ALIGN float row[2 * 8];
    const int count = HWY_MIN(2 * lanes, t.width - column);
    for (int r = 0; r < R; ++r) {
        hn::Store(acc[r][0], d, row);
        hn::Store(acc[r][1], d, row + lanes);
        for (int i = 0; i < count; ++i) {
            const float value = row[i] * t.scale + (t.bias ? t.bias[column + i] : 0.0f);
            const int64_t at = r * t.c_stride + column + i;
            switch (t.output) {
                case GemmOutput::kStore:
                    static_cast<T*>(t.c)[at] = FromFloat<T>(value);
                    break;
                case GemmOutput::kStoreF32:
                    static_cast<float*>(t.c)[at] = value;
                    break;
                case GemmOutput::kAddF32:
                    static_cast<float*>(t.c)[at] += value;
                    break;
            }
        }
    }
}

template <typename T>
void Run(const TileArgs<T>& t) {
    const int step = 2 * static_cast<int>(hn::Lanes(D()));
    for (int column = 0; column < t.width; column += step) {
        switch (t.rows) {
            case 1:
                RunColumns<T, 1>(t, column);
                break;
            case 2:
                RunColumns<T, 2>(t, column);
                break;
            case 3:
                RunColumns<T, 3>(t, column);
                break;
            case 4:
                RunColumns<T, 4>(t, column);
                break;
            case 5:
                RunColumns<T, 5>(t, column);
                break;
            default:
                RunColumns<T, 6>(t, column);
                break;
        }
    }
}

void RunF32(const TileArgs<float>& t) { Run(t); }
void RunBF16(const TileArgs<bf16>& t) { Run(t); }

}  // namespace HWY_NAMESPACE
}  // namespace hone
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hone {
namespace {

HWY_EXPORT(RunF32);
HWY_EXPORT(RunBF16);
void DispatchF32(const TileArgs<float>& t) { HWY_DYNAMIC_DISPATCH(RunF32)(t); }
void DispatchBF16(const TileArgs<bf16>& t) { HWY_DYNAMIC_DISPATCH(RunBF16)(t); }
int Rows(int) { return 6; }

}  // namespace

template <>
TileFunctions<float> HighwayTile() {
    return {DispatchF32, Rows};
}
template <>
TileFunctions<bf16> HighwayTile() {
    return {DispatchBF16, Rows};
}

}  // namespace hone
#endif
