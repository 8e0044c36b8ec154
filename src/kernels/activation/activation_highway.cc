#include "kernels/activation/activation.h"
#include "kernels/simd/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/activation/activation_highway.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "kernels/simd/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace hone {
namespace HWY_NAMESPACE {
namespace activation {
using namespace simd;  // NOLINT: the helpers of this instruction set

// Each has f(z), and f(z) with f'(z).
struct Silu {
    static VF Value(VF z) { return hn::Mul(z, Sigmoid(z)); }
    static VF Value(VF z, VF& slope) {
        const VF s = Sigmoid(z), value = hn::Mul(z, s);
        slope = hn::MulAdd(value, hn::Sub(Set(1.0f), s), s);
        return value;
    }
};

// z * sigmoid(v) with v = root * (z + 0.044715 z^3).
struct GeluTanh {
    static constexpr float kRoot = 1.5957691216057308f;  // 2 sqrt(2 / pi)
    static VF S(VF z, VF square) {
        const VF cubic = hn::MulAdd(square, Set(0.044715f), Set(1.0f));
        return Sigmoid(hn::Mul(hn::Mul(z, Set(kRoot)), cubic));
    }
    static VF Value(VF z) { return hn::Mul(z, S(z, hn::Mul(z, z))); }
    static VF Value(VF z, VF& slope) {
        const VF square = hn::Mul(z, z), s = S(z, square), value = hn::Mul(z, s);
        const VF inner = hn::MulAdd(square, Set(0.134145f * kRoot), Set(kRoot));
        slope = hn::MulAdd(hn::Mul(value, hn::Sub(Set(1.0f), s)), inner, s);
        return value;
    }
};

// Abramowitz & Stegun, 7.1.26: erfc(x) = poly(t) exp(-x^2) with t = 1 / (1 + p x), x >= 0.
struct Gelu {
    static VF Phi(VF z, VF power) {
        const VF x = hn::Mul(hn::Abs(z), Set(0.70710678f));
        const VF t = hn::Div(Set(1.0f), hn::MulAdd(x, Set(0.3275911f), Set(1.0f)));
        VF p = Set(1.061405429f);
        p = hn::MulAdd(p, t, Set(-1.453152027f));
        p = hn::MulAdd(p, t, Set(1.421413741f));
        p = hn::MulAdd(p, t, Set(-0.284496736f));
        p = hn::MulAdd(p, t, Set(0.254829592f));
        const VF tail = hn::Mul(hn::Mul(hn::Mul(p, t), power), Set(0.5f));
        return hn::IfThenElse(hn::Lt(z, Zero()), tail, hn::Sub(Set(1.0f), tail));
    }
    // exp(-z^2 / 2)
    static VF Power(VF z) { return Exp(hn::Mul(hn::Mul(z, z), Set(-0.5f))); }
    static VF Value(VF z) { return hn::Mul(z, Phi(z, Power(z))); }
    static VF Value(VF z, VF& slope) {
        const VF power = Power(z), phi = Phi(z, power);
        slope = hn::MulAdd(hn::Mul(z, Set(0.39894228f)), power, phi);
        return hn::Mul(z, phi);
    }
};

// A NaN stays one.
struct Relu {
    static VF Value(VF z) { return hn::IfThenElse(hn::Le(z, Zero()), Zero(), z); }
    static VF Value(VF z, VF& slope) {
        slope = hn::IfThenElse(hn::Le(z, Zero()), Zero(), Set(1.0f));
        return Value(z);
    }
};

template <class Function, typename T>
void ForwardRow(bool gated, int64_t F, const T* in, T* act) {
    const int64_t N = Lanes();
    for (int64_t i = 0; i < F; i += N) {
        const int64_t n = HWY_MIN(N, F - i);
        VF value = Function::Value(LoadN(in + i, n));
        if (gated) value = hn::Mul(value, LoadN(in + F + i, n));
        StoreN(value, act + i, n);
    }
}

template <class Function, typename T>
void BackwardRow(bool gated, int64_t F, const T* in, const T* dact, T* din, T* act) {
    const int64_t N = Lanes();
    for (int64_t i = 0; i < F; i += N) {
        const int64_t n = HWY_MIN(N, F - i);
        const VF z = LoadN(in + i, n), d = LoadN(dact + i, n);
        VF slope, value = Function::Value(z, slope);
        if (gated) {
            const VF up = LoadN(in + F + i, n);
            StoreN(hn::Mul(hn::Mul(d, up), slope), din + i, n);
            StoreN(hn::Mul(d, value), din + F + i, n);
            value = hn::Mul(value, up);
        } else {
            StoreN(hn::Mul(d, slope), din + i, n);
        }
        if (act != nullptr) StoreN(value, act + i, n);
    }
}

template <typename T>
void Forward(const ActivationOptions& options, int64_t F, const T* in, T* act) {
    switch (options.kind) {
        case ActivationKind::kSilu:
            return ForwardRow<Silu>(options.gated, F, in, act);
        case ActivationKind::kGeluTanh:
            return ForwardRow<GeluTanh>(options.gated, F, in, act);
        case ActivationKind::kGelu:
            return ForwardRow<Gelu>(options.gated, F, in, act);
        case ActivationKind::kRelu:
            return ForwardRow<Relu>(options.gated, F, in, act);
    }
}

template <typename T>
void Backward(const ActivationOptions& options, int64_t F, const T* in, const T* dact, T* din,
              T* act) {
    const bool gated = options.gated;
    switch (options.kind) {
        case ActivationKind::kSilu:
            return BackwardRow<Silu>(gated, F, in, dact, din, act);
        case ActivationKind::kGeluTanh:
            return BackwardRow<GeluTanh>(gated, F, in, dact, din, act);
        case ActivationKind::kGelu:
            return BackwardRow<Gelu>(gated, F, in, dact, din, act);
        case ActivationKind::kRelu:
            return BackwardRow<Relu>(gated, F, in, dact, din, act);
    }
}

}  // namespace activation

ActivationFunctions<float> ActivationTableF32() {
    return {activation::Forward<float>, activation::Backward<float>};
}
ActivationFunctions<bf16> ActivationTableBF16() {
    return {activation::Forward<bf16>, activation::Backward<bf16>};
}

}  // namespace HWY_NAMESPACE
}  // namespace hone
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hone {

HWY_EXPORT(ActivationTableF32);
HWY_EXPORT(ActivationTableBF16);

template <>
ActivationFunctions<float> ActivationHighway() {
    return HWY_DYNAMIC_DISPATCH(ActivationTableF32)();
}
template <>
ActivationFunctions<bf16> ActivationHighway() {
    return HWY_DYNAMIC_DISPATCH(ActivationTableBF16)();
}

}  // namespace hone
#endif
