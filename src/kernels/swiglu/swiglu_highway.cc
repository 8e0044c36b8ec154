#include "kernels/simd/simd_targets.h"
#include "kernels/swiglu/swiglu.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/swiglu/swiglu_highway.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "kernels/simd/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace hone {
namespace HWY_NAMESPACE {
namespace swiglu {
using namespace simd;  // NOLINT: the helpers of this instruction set

template <typename T>
void Forward(int64_t F, const T* gate_up, T* act) {
    const int64_t N = Lanes();
    for (int64_t i = 0; i < F; i += N) {
        const int64_t n = HWY_MIN(N, F - i);
        const VF gate = LoadN(gate_up + i, n), up = LoadN(gate_up + F + i, n);
        StoreN(hn::Mul(hn::Mul(gate, Sigmoid(gate)), up), act + i, n);
    }
}

template <typename T>
void Backward(int64_t F, const T* gate_up, const T* dact, T* dgate_up, T* act) {
    const int64_t N = Lanes();
    for (int64_t i = 0; i < F; i += N) {
        const int64_t n = HWY_MIN(N, F - i);
        const VF gate = LoadN(gate_up + i, n), up = LoadN(gate_up + F + i, n),
                 d = LoadN(dact + i, n);
        const VF s = Sigmoid(gate), silu = hn::Mul(gate, s);
        const VF slope = hn::MulAdd(silu, hn::Sub(Set(1.0f), s), s);
        StoreN(hn::Mul(hn::Mul(d, up), slope), dgate_up + i, n);
        StoreN(hn::Mul(d, silu), dgate_up + F + i, n);
        if (act != nullptr) StoreN(hn::Mul(silu, up), act + i, n);
    }
}

}  // namespace swiglu

SwigluFunctions<float> SwigluTableF32() {
    return {swiglu::Forward<float>, swiglu::Backward<float>};
}
SwigluFunctions<bf16> SwigluTableBF16() { return {swiglu::Forward<bf16>, swiglu::Backward<bf16>}; }

}  // namespace HWY_NAMESPACE
}  // namespace hone
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hone {

HWY_EXPORT(SwigluTableF32);
HWY_EXPORT(SwigluTableBF16);

template <>
SwigluFunctions<float> SwigluHighway() {
    return HWY_DYNAMIC_DISPATCH(SwigluTableF32)();
}
template <>
SwigluFunctions<bf16> SwigluHighway() {
    return HWY_DYNAMIC_DISPATCH(SwigluTableBF16)();
}

}  // namespace hone
#endif
