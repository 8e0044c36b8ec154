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

// body(first element, how many, the vector of them after dropout) for each vector of the range.
template <typename T, class Body>
HWY_INLINE void ForVectors(const DropoutRange& range, const T* x, Body body) {
    const DU du;
    const int64_t N = Lanes();
    const VU first = hn::Set(du, range.first_key), second = hn::Set(du, range.second_key),
             least = hn::Set(du, range.threshold);
    const VF factor = Set(range.scale);
    const VU lanes = hn::Iota(du, 0);
    for (int64_t i = 0; i < range.n; i += N) {
        const int64_t count = HWY_MIN(N, range.n - i);
        const VU indices = hn::Add(lanes, hn::Set(du, range.index + static_cast<uint32_t>(i)));
        const VU bits = Mix(hn::Add(Mix(hn::Xor(indices, first)), second));
        const auto dropped = hn::RebindMask(DF(), hn::Lt(bits, least));
        body(i, count, hn::IfThenZeroElse(dropped, hn::Mul(LoadN(x + i, count), factor)));
    }
}

template <typename T>
void Drop(const DropoutRange& range, const T* x, T* y) {
    ForVectors(range, x, [&](int64_t i, int64_t count, VF value) { StoreN(value, y + i, count); });
}

template <typename T, typename Y>
void Add(const DropoutRange& range, const T* x, const float* base, Y* y) {
    ForVectors(range, x, [&](int64_t i, int64_t count, VF value) {
        StoreN(hn::Add(LoadN(base + i, count), value), y + i, count);
    });
}

}  // namespace dropout

DropoutFunctions<float> DropoutTableF32() {
    return {dropout::Drop<float>, dropout::Add<float, float>, dropout::Add<float, float>};
}
DropoutFunctions<bf16> DropoutTableBF16() {
    return {dropout::Drop<bf16>, dropout::Add<bf16, bf16>, dropout::Add<bf16, float>};
}

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
