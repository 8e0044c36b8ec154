#include "kernels/dropout/dropout.h"
#include "kernels/simd/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/dropout/dropout_highway.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "kernels/simd/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace hone {
namespace HWY_NAMESPACE {
namespace dropout {
using namespace simd;  // NOLINT: the helpers of this instruction set

HWY_INLINE VU Mix(VU x) {
    const DU du;
    x = hn::Xor(x, hn::ShiftRight<16>(x));
    x = hn::Mul(x, hn::Set(du, 0x21f0aaadu));
    x = hn::Xor(x, hn::ShiftRight<15>(x));
    x = hn::Mul(x, hn::Set(du, 0x735a2d97u));
    return hn::Xor(x, hn::ShiftRight<15>(x));
}

template <typename T>
void Range(int64_t n, uint32_t index, DropoutKeys keys, uint32_t threshold, float scale, const T* x,
           T* y) {
    const DU du;
    const int64_t N = Lanes();
    const VU first = hn::Set(du, keys.first), second = hn::Set(du, keys.second),
             least = hn::Set(du, threshold);
    const VF factor = Set(scale);
    const VU lanes = hn::Iota(du, 0);
    for (int64_t i = 0; i < n; i += N) {
        const int64_t count = HWY_MIN(N, n - i);
        const VU indices = hn::Add(lanes, hn::Set(du, index + static_cast<uint32_t>(i)));
        const VU bits = Mix(hn::Add(Mix(hn::Xor(indices, first)), second));
        const auto dropped = hn::RebindMask(DF(), hn::Lt(bits, least));
        StoreN(hn::IfThenZeroElse(dropped, hn::Mul(LoadN(x + i, count), factor)), y + i, count);
    }
}

}  // namespace dropout

DropoutFunctions<float> DropoutTableF32() { return {dropout::Range<float>}; }
DropoutFunctions<bf16> DropoutTableBF16() { return {dropout::Range<bf16>}; }

}  // namespace HWY_NAMESPACE
}  // namespace hone
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hone {

HWY_EXPORT(DropoutTableF32);
HWY_EXPORT(DropoutTableBF16);

template <>
DropoutFunctions<float> DropoutHighway() {
    return HWY_DYNAMIC_DISPATCH(DropoutTableF32)();
}
template <>
DropoutFunctions<bf16> DropoutHighway() {
    return HWY_DYNAMIC_DISPATCH(DropoutTableBF16)();
}

}  // namespace hone
#endif
