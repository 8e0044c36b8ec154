#include "kernels/activation/activation.h"

#include <cmath>
#include <numbers>

#include "tensor/partition.h"

namespace hone {
namespace {

// f(z) and f'(z).
struct Point {
    float value, slope;
};

// silu'(z) = s + z s (1 - s) with s = sigmoid(z).
Point Silu(float z) {
    const float s = 1 / (1 + std::exp(-z)), value = z * s;
    return {value, s + value * (1 - s)};
}

// (1 + tanh(u)) / 2 = sigmoid(2 u), so this is z * s(v) with v = 2 u(z).
Point GeluTanh(float z) {
    const float root = 2 * std::sqrt(2 / std::numbers::pi_v<float>);
    const float v = root * (z + 0.044715f * z * z * z), slope = root * (1 + 0.134145f * z * z);
    const float s = 1 / (1 + std::exp(-v)), value = z * s;
    return {value, s + value * (1 - s) * slope};
}

Point Gelu(float z) {
    const float phi = 0.5f * std::erfc(-z / std::numbers::sqrt2_v<float>);
    const float density = std::exp(-0.5f * z * z) / std::sqrt(2 * std::numbers::pi_v<float>);
    return {z * phi, phi + z * density};
}

// A NaN stays one.
Point Relu(float z) { return z <= 0 ? Point{0, 0} : Point{z, 1}; }

Point Activate(ActivationKind kind, float z) {
    switch (kind) {
        case ActivationKind::kSilu:
            return Silu(z);
        case ActivationKind::kGeluTanh:
            return GeluTanh(z);
        case ActivationKind::kGelu:
            return Gelu(z);
        case ActivationKind::kRelu:
            return Relu(z);
    }
    return {z, 1};
}

template <typename T>
void Forward(const ActivationOptions& options, int64_t F, const T* in, T* act) {
    for (int64_t i = 0; i < F; ++i) {
        const float value = Activate(options.kind, ToFloat(in[i])).value;
        act[i] = FromFloat<T>(options.gated ? value * ToFloat(in[F + i]) : value);
    }
}

template <typename T>
void Backward(const ActivationOptions& options, int64_t F, const T* in, const T* dact, T* din,
              T* act) {
    for (int64_t i = 0; i < F; ++i) {
        const Point point = Activate(options.kind, ToFloat(in[i]));
        const float d = ToFloat(dact[i]), up = options.gated ? ToFloat(in[F + i]) : 1;
        din[i] = FromFloat<T>(d * up * point.slope);
        if (options.gated) din[F + i] = FromFloat<T>(d * point.value);
        if (act != nullptr) act[i] = FromFloat<T>(point.value * up);
    }
}

std::string NeedsVectors(const ActivationOptions&) { return LacksSimd(); }

#if defined(__x86_64__)
std::string NeedsAvx512GatedSilu(const ActivationOptions& options) {
    if (options.kind != ActivationKind::kSilu || !options.gated) return "only for a gated silu";
    return LacksAvx512Bf16();
}
#endif

}  // namespace

template <>
const KernelList<ActivationOptions, ActivationFunctions<float>>& ActivationKernels() {
    static const KernelList<ActivationOptions, ActivationFunctions<float>> list(
        "activation",
        {{"highway", NeedsVectors, ActivationHighway<float>()},
         {"reference", NeverDeclines<ActivationOptions>, {Forward<float>, Backward<float>}}});
    return list;
}

template <>
const KernelList<ActivationOptions, ActivationFunctions<bf16>>& ActivationKernels() {
    static const KernelList<ActivationOptions, ActivationFunctions<bf16>> list("activation", {
#if defined(__x86_64__)
        {"avx512_bf16", NeedsAvx512GatedSilu, ActivationAvx512Bf16()},
#endif
            {"highway", NeedsVectors, ActivationHighway<bf16>()}, {
            "reference", NeverDeclines<ActivationOptions>, { Forward<bf16>, Backward<bf16> }
        }
    });
    return list;
}

template <typename T>
void ActivationForward(const Context& context, const ActivationOptions& options, int64_t M,
                       int64_t F, const T* in, T* act) {
    const auto& functions = ActivationKernels<T>().Choose(options);
    const int64_t columns = options.columns(F);
    ForRows(context, M, F, [&](int64_t first, int64_t count) {
        for (int64_t r = first; r < first + count; ++r)
            functions.forward(options, F, in + r * columns, act + r * F);
    });
}

template <typename T>
void ActivationBackward(const Context& context, const ActivationOptions& options, int64_t M,
                        int64_t F, const T* in, const T* dact, T* din, T* act) {
    const auto& functions = ActivationKernels<T>().Choose(options);
    const int64_t columns = options.columns(F);
    ForRows(context, M, F, [&](int64_t first, int64_t count) {
        for (int64_t r = first; r < first + count; ++r)
            functions.backward(options, F, in + r * columns, dact + r * F, din + r * columns,
                               act == nullptr ? nullptr : act + r * F);
    });
}

#define HONE_INSTANTIATE(T)                                                                        \
    template void ActivationForward<T>(const Context&, const ActivationOptions&, int64_t, int64_t, \
                                       const T*, T*);                                              \
    template void ActivationBackward<T>(const Context&, const ActivationOptions&, int64_t,         \
                                        int64_t, const T*, const T*, T*, T*);
HONE_INSTANTIATE(float)
HONE_INSTANTIATE(bf16)
#undef HONE_INSTANTIATE

}  // namespace hone
