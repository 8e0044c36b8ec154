#include "kernels/column_scale/column_scale.h"
#include "kernels/simd/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/column_scale/column_scale_highway.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "kernels/simd/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace hone {
namespace HWY_NAMESPACE {
namespace column_scale {
using namespace simd;  // NOLINT: the helpers of this instruction set

template <typename T, typename Out, bool kAdd>
void Row(int64_t n, const T* u, const float* factors, const float* bias, Out* y) {
    const int64_t N = Lanes();
    for (int64_t i = 0; i < n; i += N) {
        const int64_t count = HWY_MIN(N, n - i);
        VF value =
            hn::MulAdd(LoadN(u + i, count), LoadN(factors + i, count), LoadN(bias + i, count));
        if constexpr (kAdd) value = hn::Add(value, LoadN(y + i, count));
        StoreN(value, y + i, count);
    }
}

// How many rows ahead is prefetched: a row lies in another page, where hardware does not read
// ahead.
constexpr int64_t kRowsAhead = 8;

// kVectors vectors of columns at a time, so that a row's cache line is read once; the last of them
// has `count` columns.
template <int kVectors, typename T>
void ColumnProducts(int64_t m, int64_t count, const T* a, int64_t a_stride, const T* b,
                    int64_t b_stride, const float* factors, float* sums) {
    const int64_t N = Lanes();
    VF sum[kVectors];
    for (int v = 0; v < kVectors; ++v) sum[v] = Zero();
    for (int64_t row = 0; row < m; ++row, a += a_stride, b += b_stride) {
        if (row + kRowsAhead < m) {
            __builtin_prefetch(a + kRowsAhead * a_stride);
            __builtin_prefetch(b + kRowsAhead * b_stride);
        }
        for (int v = 0; v < kVectors; ++v) {
            const int64_t columns = v + 1 < kVectors ? N : count;
            sum[v] = hn::MulAdd(LoadN(a + v * N, columns), LoadN(b + v * N, columns), sum[v]);
        }
    }
    for (int v = 0; v < kVectors; ++v) {
        const int64_t columns = v + 1 < kVectors ? N : count;
        const VF before = LoadN(sums + v * N, columns);
        StoreN(hn::MulAdd(LoadN(factors + v * N, columns), sum[v], before), sums + v * N, columns);
    }
}

template <typename T>
void Products(int64_t m, int64_t n, const T* a, int64_t a_stride, const T* b, int64_t b_stride,
              const float* factors, float* sums) {
    constexpr int kVectors = 4;
    const int64_t N = Lanes();
    int64_t i = 0;
    for (; i + kVectors * N <= n; i += kVectors * N)
        ColumnProducts<kVectors>(m, N, a + i, a_stride, b + i, b_stride, factors + i, sums + i);
    for (; i < n; i += N)
        ColumnProducts<1>(m, HWY_MIN(N, n - i), a + i, a_stride, b + i, b_stride, factors + i,
                          sums + i);
}

template <typename T>
ColumnScaleFunctions<T> Table() {
    return {Row<T, T, false>, Row<T, float, false>, Row<T, float, true>, Products<T>};
}

}  // namespace column_scale

ColumnScaleFunctions<float> ColumnScaleTableF32() { return column_scale::Table<float>(); }
ColumnScaleFunctions<bf16> ColumnScaleTableBF16() { return column_scale::Table<bf16>(); }

}  // namespace HWY_NAMESPACE
}  // namespace hone
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hone {

HWY_EXPORT(ColumnScaleTableF32);
HWY_EXPORT(ColumnScaleTableBF16);

template <>
ColumnScaleFunctions<float> ColumnScaleHighway() {
    return HWY_DYNAMIC_DISPATCH(ColumnScaleTableF32)();
}
template <>
ColumnScaleFunctions<bf16> ColumnScaleHighway() {
    return HWY_DYNAMIC_DISPATCH(ColumnScaleTableBF16)();
}

}  // namespace hone
#endif
