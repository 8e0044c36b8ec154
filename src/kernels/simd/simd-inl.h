// What the Highway kernels share: loads and stores of float and bf16 with any number of elements,
// exp and tanh. Included once per instruction set (the guard toggles), after
// kernels/simd/simd_targets.h.
#if defined(HONE_KERNELS_SIMD_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef HONE_KERNELS_SIMD_INL_H_
#undef HONE_KERNELS_SIMD_INL_H_
#else
#define HONE_KERNELS_SIMD_INL_H_
#endif

#include <cstdint>

#include "hwy/highway.h"
#include "tensor/dtype.h"

HWY_BEFORE_NAMESPACE();
namespace hone {
namespace HWY_NAMESPACE {
namespace simd {
namespace hn = hwy::HWY_NAMESPACE;

using DF = hn::ScalableTag<float>;
using VF = hn::Vec<DF>;
using DU = hn::RebindToUnsigned<DF>;
using VU = hn::Vec<DU>;
using D16 = hn::Rebind<uint16_t, DF>;

// Elements per vector of f32.
HWY_INLINE int64_t Lanes() { return static_cast<int64_t>(hn::Lanes(DF())); }
HWY_INLINE VF Set(float value) { return hn::Set(DF(), value); }
HWY_INLINE VF Zero() { return hn::Zero(DF()); }

HWY_INLINE VF Load(const float* from) { return hn::LoadU(DF(), from); }
HWY_INLINE VF Load(const bf16* from) {
    const DU du;
    return hn::BitCast(DF(), hn::ShiftLeft<16>(hn::PromoteTo(du, hn::LoadU(D16(), &from->bits))));
}

// Of pairs of bf16, each in 32 bits as memory has it, the one or the other as floats.
template <class D32>
HWY_INLINE auto FirstOfPairs(D32 d, hn::Vec<D32> pairs) {
    return hn::BitCast(hn::RebindToFloat<D32>(), hn::ShiftLeft<16>(pairs));
}
template <class D32>
HWY_INLINE auto SecondOfPairs(D32 d, hn::Vec<D32> pairs) {
    return hn::BitCast(hn::RebindToFloat<D32>(), hn::And(pairs, hn::Set(d, 0xffff0000u)));
}

// Rounds to nearest even and keeps NaN, as ToBF16 does; the result is in the low halves.
HWY_INLINE VU RoundToBF16(VF value) {
    const DU du;
    const VU bits = hn::BitCast(du, value), high = hn::ShiftRight<16>(bits);
    const VU odd = hn::And(high, hn::Set(du, 1));
    const VU rounded = hn::ShiftRight<16>(hn::Add(bits, hn::Add(odd, hn::Set(du, 0x7fff))));
    return hn::IfThenElse(hn::RebindMask(du, hn::IsNaN(value)), hn::Or(high, hn::Set(du, 0x40)),
                          rounded);
}
HWY_INLINE VF RoundThrough(VF value, const float*) { return value; }
HWY_INLINE VF RoundThrough(VF value, const bf16*) {
    return hn::BitCast(DF(), hn::ShiftLeft<16>(RoundToBF16(value)));
}

HWY_INLINE void Store(VF value, float* to) { hn::StoreU(value, DF(), to); }
HWY_INLINE void Store(VF value, bf16* to) {
    const hn::RebindToSigned<DF> di;
    hn::StoreU(hn::DemoteTo(D16(), hn::BitCast(di, RoundToBF16(value))), D16(), &to->bits);
}

// The first n <= Lanes() elements; the others are zero.
template <typename T>
HWY_INLINE VF LoadN(const T* from, int64_t n) {
    if (HWY_LIKELY(n == Lanes())) return Load(from);
    T some[hn::MaxLanes(DF())] = {};
    for (int64_t i = 0; i < n; ++i) some[i] = from[i];
    return Load(some);
}
template <typename T>
HWY_INLINE void StoreN(VF value, T* to, int64_t n) {
    if (HWY_LIKELY(n == Lanes())) return Store(value, to);
    T some[hn::MaxLanes(DF())];
    Store(value, some);
    for (int64_t i = 0; i < n; ++i) to[i] = some[i];
}

HWY_INLINE float Sum(VF value) { return hn::GetLane(hn::SumOfLanes(DF(), value)); }

// e^x within 1e-6 relative (Cephes' expf polynomial); below -87.3 a positive number under 2e-38,
// above 88 e^88. NaN gives NaN.
HWY_INLINE VF Exp(VF x) {
    const DF d;
    const hn::RebindToSigned<DF> di;
    const VF bounded = hn::Min(hn::Max(x, Set(-87.3f)), Set(88.0f));
    const VF n = hn::Round(hn::Mul(bounded, Set(1.44269504088896341f)));
    const VF r =
        hn::NegMulAdd(n, Set(-2.12194440e-4f), hn::NegMulAdd(n, Set(0.693359375f), bounded));
    VF p = Set(1.9875691500e-4f);
    p = hn::MulAdd(p, r, Set(1.3981999507e-3f));
    p = hn::MulAdd(p, r, Set(8.3334519073e-3f));
    p = hn::MulAdd(p, r, Set(4.1665795894e-2f));
    p = hn::MulAdd(p, r, Set(1.6666665459e-1f));
    p = hn::MulAdd(p, r, Set(5.0000001201e-1f));
    p = hn::MulAdd(p, hn::Mul(r, r), hn::Add(r, Set(1.0f)));
    const auto exponent = hn::ShiftLeft<23>(hn::Add(hn::ConvertTo(di, n), hn::Set(di, 127)));
    return hn::IfThenElse(hn::IsNaN(x), x, hn::Mul(p, hn::BitCast(d, exponent)));
}

// 1 / (1 + e^-x).
HWY_INLINE VF Sigmoid(VF x) { return hn::Div(Set(1.0f), hn::Add(Set(1.0f), Exp(hn::Neg(x)))); }

// Within 2e-7 absolute.
HWY_INLINE VF Tanh(VF x) {
    return hn::Sub(Set(1.0f), hn::Div(Set(2.0f), hn::Add(Set(1.0f), Exp(hn::Add(x, x)))));
}

}  // namespace simd
}  // namespace HWY_NAMESPACE
}  // namespace hone
HWY_AFTER_NAMESPACE();

#endif  // HONE_KERNELS_SIMD_INL_H_
