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
        const VF added = bias != nullptr ? LoadN(bias + i, count) : Zero();
        VF value = hn::MulAdd(LoadN(u + i, count), LoadN(factors + i, count), added);
        if constexpr (kAdd) value = hn::Add(value, LoadN(y + i, count));
        StoreN(value, y + i, count);
    }
}

// The sums of this many columns stay in the first cache while rows go by from front to back.
constexpr int64_t kColumnsAtOnce = 1024;
constexpr int kRowsAtOnce = 4;

// partial [args.n] += the products of kRows rows from `row` on.
template <int kRows, bool kB, bool kScale, typename T>
HWY_INLINE void AddRows(const ColumnProductsArgs<T>& args, int64_t row, float* partial) {
    const int64_t N = Lanes();
    const T* a = args.a + row * args.a_stride;
    const T* b = kB ? args.b + row * args.b_stride : nullptr;
    T* scaled = kScale ? args.scaled + row * args.scaled_stride : nullptr;
    for (int64_t i = 0; i < args.n; i += N) {
        const int64_t count = HWY_MIN(N, args.n - i);
        const VF scale = kScale ? LoadN(args.scale + i, count) : Zero();
        VF sum = Load(partial + i);
        for (int r = 0; r < kRows; ++r) {
            const VF value = LoadN(a + r * args.a_stride + i, count);
            sum = kB ? hn::MulAdd(value, LoadN(b + r * args.b_stride + i, count), sum)
                     : hn::Add(value, sum);
            if constexpr (kScale)
                StoreN(hn::Mul(value, scale), scaled + r * args.scaled_stride + i, count);
        }
        Store(sum, partial + i);
    }
}

template <bool kB, bool kScale, typename T>
void ColumnProducts(const ColumnProductsArgs<T>& args) {
    HWY_ALIGN float partial[kColumnsAtOnce] = {};
    int64_t row = 0;
    for (; row + kRowsAtOnce <= args.m; row += kRowsAtOnce)
        AddRows<kRowsAtOnce, kB, kScale>(args, row, partial);
    for (; row < args.m; ++row) AddRows<1, kB, kScale>(args, row, partial);
    const int64_t N = Lanes();
    for (int64_t i = 0; i < args.n; i += N) {
        const int64_t count = HWY_MIN(N, args.n - i);
        const VF factors = args.factors != nullptr ? LoadN(args.factors + i, count) : Set(1.0f);
        const VF sums = LoadN(args.sums + i, count);
        StoreN(hn::MulAdd(factors, Load(partial + i), sums), args.sums + i, count);
    }
}

template <typename T>
void Products(const ColumnProductsArgs<T>& args) {
    const auto columns = args.b == nullptr        ? ColumnProducts<false, false, T>
                         : args.scaled == nullptr ? ColumnProducts<true, false, T>
                                                  : ColumnProducts<true, true, T>;
    for (int64_t first = 0; first < args.n; first += kColumnsAtOnce)
        columns(args.Columns(first, HWY_MIN(kColumnsAtOnce, args.n - first)));
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
