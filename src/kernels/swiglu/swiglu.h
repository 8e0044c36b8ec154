// The gated activation of Llama's MLP (Shazeer, "GLU Variants Improve Transformer", 2020):
// act = silu(gate) * up, silu(z) = z / (1 + exp(-z)).
//
// T is float or bf16. Arithmetic is f32 with one rounding at the end; the vectorised exp is within
// 1e-6 relative, that of AVX512-BF16 within 4e-6. Element by element: results are the same bits on
// any number of threads.
#pragma once

#include "kernels/dispatch/dispatch.h"
#include "tensor/context.h"

namespace hone {

// gate_up T [M, 2F], each row F gates, then F ups -> act T [M, F] (=). No aliasing.
template <typename T>
void SwigluForward(const Context& context, int64_t M, int64_t F, const T* gate_up, T* act);

// gate_up T [M, 2F], dact T [M, F] -> dgate_up T [M, 2F] (=; may be gate_up itself) and act T [M,
// F] (=, the bits of the forward pass; may be dact itself; nullptr: not wanted).
template <typename T>
void SwigluBackward(const Context& context, int64_t M, int64_t F, const T* gate_up, const T* dact,
                    T* dgate_up, T* act);

// One row.
template <typename T>
struct SwigluFunctions {
    void (*forward)(int64_t F, const T* gate_up, T* act);
    void (*backward)(int64_t F, const T* gate_up, const T* dact, T* dgate_up, T* act);
};
template <typename T>
const KernelList<AnyProblem, SwigluFunctions<T>>& SwigluKernels();
template <typename T>
SwigluFunctions<T> SwigluHighway();
template <>
SwigluFunctions<float> SwigluHighway();
template <>
SwigluFunctions<bf16> SwigluHighway();
SwigluFunctions<bf16> SwigluAvx512Bf16();  // only where the build is for x86-64

}  // namespace hone
