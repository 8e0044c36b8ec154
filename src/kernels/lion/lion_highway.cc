#include "kernels/lion/lion.h"
#include "kernels/simd/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/lion/lion_highway.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "kernels/simd/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace hone {
namespace HWY_NAMESPACE {
namespace lion {
using namespace simd;  // NOLINT: the helpers of this instruction set

void Range(int64_t n, const LionFactors& factors, const float* gradient, float* value, float* m) {
    const int64_t N = Lanes();
    const VF rest1 = Set(factors.rest1), rest2 = Set(factors.rest2), decay = Set(factors.decay),
             scale = Set(factors.gradient_scale), rate = Set(factors.rate);
    for (int64_t i = 0; i < n; i += N) {
        const int64_t count = HWY_MIN(N, n - i);
        const VF old_m = LoadN(m + i, count);
        const VF away = hn::Sub(hn::Mul(LoadN(gradient + i, count), scale), old_m);
        const VF mean = hn::MulAdd(rest1, away, old_m);
        const VF move = hn::IfThenZeroElse(hn::Eq(mean, Zero()), hn::CopySign(rate, mean));
        StoreN(hn::Sub(hn::Mul(LoadN(value + i, count), decay), move), value + i, count);
        StoreN(hn::MulAdd(rest2, away, old_m), m + i, count);
    }
}

}  // namespace lion

LionFunctions LionTable() { return {lion::Range}; }

}  // namespace HWY_NAMESPACE
}  // namespace hone
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hone {

HWY_EXPORT(LionTable);

LionFunctions LionHighway() { return HWY_DYNAMIC_DISPATCH(LionTable)(); }

}  // namespace hone
#endif
