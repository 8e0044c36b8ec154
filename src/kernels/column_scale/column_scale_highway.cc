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

template <typename T>
void Products(int64_t m, int64_t n, const T* a, int64_t a_stride, const T* b, int64_t b_stride,
              const float* factors, float* sums) {
    const int64_t N = Lanes();
    for (int64_t i = 0; i < n; i += N) {
        const int64_t count = HWY_MIN(N, n - i);
        VF sum = Zero();
        for (int64_t row = 0; row < m; ++row)
            sum = hn::MulAdd(LoadN(a + row * a_stride + i, count),
                             LoadN(b + row * b_stride + i, count), sum);
        const VF before = LoadN(sums + i, count);
        StoreN(hn::MulAdd(LoadN(factors + i, count), sum, before), sums + i, count);
    }
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
