// The activation of an MLP: act = f(z), or gated (Shazeer, "GLU Variants Improve Transformer",
// 2020) act = f(gate) * up.
//
//   silu       z / (1 + exp(-z))
//   gelu       z * Phi(z), Phi the normal distribution (Hendrycks & Gimpel 2016)
//   gelu_tanh  its approximation z / 2 * (1 + tanh(sqrt(2 / pi) * (z + 0.044715 z^3)))
//   relu       max(z, 0)
//
// T is float or bf16. Arithmetic is f32 with one rounding at the end. The vectorised exp is within
// 1e-6 relative, that of AVX512-BF16 within 4e-6; the vectorised Phi is within 2e-7 absolute.
// Element by element: results are the same bits on any number of threads.
#pragma once

#include "kernels/dispatch/dispatch.h"
#include "tensor/context.h"

namespace hone {

enum class ActivationKind { kSilu, kGeluTanh, kGelu, kRelu };

struct ActivationOptions {
    ActivationKind kind = ActivationKind::kSilu;
    bool gated = true;
    // Elements of an input row for F elements of output.
    int64_t columns(int64_t F) const { return gated ? 2 * F : F; }
};

// in T [M, columns(F)], each row F gates, then F ups, or F elements where nothing is gated
//   -> act T [M, F] (=). No aliasing.
template <typename T>
void ActivationForward(const Context& context, const ActivationOptions& options, int64_t M,
                       int64_t F, const T* in, T* act);

// in as above, dact T [M, F] -> din T [M, columns(F)] (=; may be `in` itself) and act T [M, F] (=,
// the bits of the forward pass; may be dact itself; nullptr: not wanted).
template <typename T>
void ActivationBackward(const Context& context, const ActivationOptions& options, int64_t M,
                        int64_t F, const T* in, const T* dact, T* din, T* act);

// One row.
template <typename T>
struct ActivationFunctions {
    void (*forward)(const ActivationOptions& options, int64_t F, const T* in, T* act);
    void (*backward)(const ActivationOptions& options, int64_t F, const T* in, const T* dact,
                     T* din, T* act);
};
template <typename T>
const KernelList<ActivationOptions, ActivationFunctions<T>>& ActivationKernels();
template <typename T>
ActivationFunctions<T> ActivationHighway();
template <>
ActivationFunctions<float> ActivationHighway();
template <>
ActivationFunctions<bf16> ActivationHighway();
ActivationFunctions<bf16> ActivationAvx512Bf16();  // gated silu; only where the build is for x86-64

}  // namespace hone
