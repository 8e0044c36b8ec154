#include "kernels/swiglu/swiglu.h"

#include <cmath>

#include "tensor/partition.h"

namespace hone {
namespace {

template <typename T>
void Forward(int64_t F, const T* gate_up, T* act) {
    for (int64_t i = 0; i < F; ++i) {
        const float gate = ToFloat(gate_up[i]), up = ToFloat(gate_up[F + i]);
        const float s = 1 / (1 + std::exp(-gate)), silu = gate * s;
        act[i] = FromFloat<T>(silu * up);
    }
}

// silu'(z) = s + z s (1 - s) with s = sigmoid(z).
template <typename T>
void Backward(int64_t F, const T* gate_up, const T* dact, T* dgate_up, T* act) {
    for (int64_t i = 0; i < F; ++i) {
        const float gate = ToFloat(gate_up[i]), up = ToFloat(gate_up[F + i]), d = ToFloat(dact[i]);
        const float s = 1 / (1 + std::exp(-gate)), silu = gate * s;
        dgate_up[i] = FromFloat<T>(d * up * (s + silu * (1 - s)));
        dgate_up[F + i] = FromFloat<T>(d * silu);
        if (act != nullptr) act[i] = FromFloat<T>(silu * up);
    }
}

}  // namespace

template <>
const KernelList<AnyProblem, SwigluFunctions<float>>& SwigluKernels() {
    static const KernelList<AnyProblem, SwigluFunctions<float>> list(
        "swiglu", {{"highway", NeedsSimd<AnyProblem>, SwigluHighway<float>()},
                   {"reference", NeverDeclines<AnyProblem>, {Forward<float>, Backward<float>}}});
    return list;
}

template <>
const KernelList<AnyProblem, SwigluFunctions<bf16>>& SwigluKernels() {
    static const KernelList<AnyProblem, SwigluFunctions<bf16>> list("swiglu", {
#if defined(__x86_64__)
        {"avx512_bf16", [](const AnyProblem&) { return LacksAvx512Bf16(); }, SwigluAvx512Bf16()},
#endif
            {"highway", NeedsSimd<AnyProblem>, SwigluHighway<bf16>()}, {
            "reference", NeverDeclines<AnyProblem>, { Forward<bf16>, Backward<bf16> }
        }
    });
    return list;
}

template <typename T>
void SwigluForward(const Context& context, int64_t M, int64_t F, const T* gate_up, T* act) {
    const auto& functions = SwigluKernels<T>().Choose({});
    ForRows(context, M, F, [&](int64_t first, int64_t count) {
        for (int64_t r = first; r < first + count; ++r)
            functions.forward(F, gate_up + r * 2 * F, act + r * F);
    });
}

template <typename T>
void SwigluBackward(const Context& context, int64_t M, int64_t F, const T* gate_up, const T* dact,
                    T* dgate_up, T* act) {
    const auto& functions = SwigluKernels<T>().Choose({});
    ForRows(context, M, F, [&](int64_t first, int64_t count) {
        for (int64_t r = first; r < first + count; ++r)
            functions.backward(F, gate_up + r * 2 * F, dact + r * F, dgate_up + r * 2 * F,
                               act == nullptr ? nullptr : act + r * F);
    });
}

#define HONE_INSTANTIATE(T)                                                         \
    template void SwigluForward<T>(const Context&, int64_t, int64_t, const T*, T*); \
    template void SwigluBackward<T>(const Context&, int64_t, int64_t, const T*, const T*, T*, T*);
HONE_INSTANTIATE(float)
HONE_INSTANTIATE(bf16)
#undef HONE_INSTANTIATE

}  // namespace hone
