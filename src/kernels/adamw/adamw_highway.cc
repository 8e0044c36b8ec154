#include "kernels/adamw/adamw.h"
#include "kernels/simd/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/adamw/adamw_highway.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "kernels/simd/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace hone {
namespace HWY_NAMESPACE {
namespace adamw {
using namespace simd;  // NOLINT: the helpers of this instruction set

void Range(int64_t n, const AdamWFactors& factors, const float* gradient, float* value, float* m,
           float* v) {
    const int64_t N = Lanes();
    const VF rest1 = Set(factors.rest1), beta2 = Set(factors.beta2), rest2 = Set(factors.rest2);
    const VF correction = Set(factors.inverse_sqrt_correction), eps = Set(factors.eps);
    const VF step_size = Set(factors.step_size), decay = Set(factors.decay),
             scale = Set(factors.gradient_scale);
    for (int64_t i = 0; i < n; i += N) {
        const int64_t count = HWY_MIN(N, n - i);
        const VF g = hn::Mul(LoadN(gradient + i, count), scale);
        const VF old_m = LoadN(m + i, count);
        const VF new_m = hn::MulAdd(rest1, hn::Sub(g, old_m), old_m);
        const VF new_v = hn::MulAdd(hn::Mul(rest2, g), g, hn::Mul(beta2, LoadN(v + i, count)));
        const VF root = hn::MulAdd(hn::Sqrt(new_v), correction, eps);
        const VF decayed = hn::Mul(LoadN(value + i, count), decay);
        StoreN(new_m, m + i, count);
        StoreN(new_v, v + i, count);
        StoreN(hn::NegMulAdd(step_size, hn::Div(new_m, root), decayed), value + i, count);
    }
}

}  // namespace adamw

AdamWFunctions AdamWTable() { return {adamw::Range}; }

}  // namespace HWY_NAMESPACE
}  // namespace hone
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hone {

HWY_EXPORT(AdamWTable);

AdamWFunctions AdamWHighway() { return HWY_DYNAMIC_DISPATCH(AdamWTable)(); }

}  // namespace hone
#endif
