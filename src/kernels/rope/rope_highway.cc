#include "kernels/rope/rope.h"
#include "kernels/simd/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/rope/rope_highway.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "kernels/simd/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace hone {
namespace HWY_NAMESPACE {
namespace rope {
using namespace simd;  // NOLINT: the helpers of this instruction set

template <typename T>
void Row(const RopeHeads& heads, T* x, const float* cosine, const float* sine, float direction) {
    const int64_t half = heads.rotated / 2, N = Lanes();
    const VF sign = Set(direction);
    for (int64_t i = 0; i < half; i += N) {
        const int64_t count = HWY_MIN(N, half - i);
        const VF c = LoadN(cosine + i, count), s = hn::Mul(LoadN(sine + i, count), sign);
        T* first = x + i;
        for (int64_t h = 0; h < heads.n; ++h, first += heads.D) {
            const VF a = LoadN(first, count), b = LoadN(first + half, count);
            StoreN(hn::NegMulAdd(b, s, hn::Mul(a, c)), first, count);
            StoreN(hn::MulAdd(a, s, hn::Mul(b, c)), first + half, count);
        }
    }
}

}  // namespace rope

RopeFunctions<float> RopeTableF32() { return {rope::Row<float>}; }
RopeFunctions<bf16> RopeTableBF16() { return {rope::Row<bf16>}; }

}  // namespace HWY_NAMESPACE
}  // namespace hone
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hone {

HWY_EXPORT(RopeTableF32);
HWY_EXPORT(RopeTableBF16);

template <>
RopeFunctions<float> RopeHighway() {
    return HWY_DYNAMIC_DISPATCH(RopeTableF32)();
}
template <>
RopeFunctions<bf16> RopeHighway() {
    return HWY_DYNAMIC_DISPATCH(RopeTableBF16)();
}

}  // namespace hone
#endif
