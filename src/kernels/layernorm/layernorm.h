// Layer normalisation (Ba, Kiros & Hinton, "Layer Normalization", 2016):
// xhat = (x - mean(x)) / sqrt(mean((x - mean(x))^2) + eps), y = xhat * weight + bias.
//
// T is float or bf16. Arithmetic is f32, sums over a row in f32 lanes; results are the same bits on
// any number of threads. For bf16, xhat is rounded before it is multiplied. Outputs alias no input
// unless said.
#pragma once

#include "kernels/dispatch/dispatch.h"
#include "tensor/context.h"

namespace hone {

// x f32 [M, C], weight and bias f32 [C] -> xhat T [M, C] (=), y T [M, C] (=), rstd f32 [M] (=, 1 /
// the root).
template <typename T>
void LayerNormForward(const Context& context, int64_t M, int64_t C, const float* x,
                      const float* weight, const float* bias, float eps, T* xhat, T* y,
                      float* rstd);

// y T [M, C] (=) from the saved xhat, the same bits as LayerNormForward gave. y may be xhat.
template <typename T>
void LayerNormScale(const Context& context, int64_t M, int64_t C, const T* xhat,
                    const float* weight, const float* bias, T* y);

// dy f32 [M, C], and xhat, weight, rstd of the forward pass; with g = dy * weight:
//   dx f32 [M, C] += rstd * (g - mean(g) - xhat * mean(g * xhat))
//   dx_t T [M, C] = the updated dx, rounded (nullptr: not wanted)
//   dweight f32 [C] += sum over rows of dy * xhat, dbias f32 [C] += sum over rows of dy (nullptr:
//   not wanted)
template <typename T>
void LayerNormBackward(const Context& context, int64_t M, int64_t C, const float* dy, const T* xhat,
                       const float* weight, const float* rstd, float* dx, T* dx_t, float* dweight,
                       float* dbias);

// What an implementation does: a range of rows of one thread, or for the weight a range of columns.
template <typename T>
struct LayerNormFunctions {
    void (*forward)(int64_t rows, int64_t C, const float* x, const float* weight, const float* bias,
                    float eps, T* xhat, T* y, float* rstd);
    void (*scale)(int64_t rows, int64_t C, const T* xhat, const float* weight, const float* bias,
                  T* y);
    void (*backward)(int64_t rows, int64_t C, const float* dy, const T* xhat, const float* weight,
                     const float* rstd, float* dx, T* dx_t);
    // dweight[c] and dbias[c] += over all M rows, for c in [0, columns); dy and xhat have rows of C
    // elements.
    void (*backward_weight)(int64_t M, int64_t C, int64_t columns, const float* dy, const T* xhat,
                            float* dweight, float* dbias);
};
template <typename T>
const KernelList<AnyProblem, LayerNormFunctions<T>>& LayerNormKernels();
template <typename T>
LayerNormFunctions<T> LayerNormHighway();
template <>
LayerNormFunctions<float> LayerNormHighway();
template <>
LayerNormFunctions<bf16> LayerNormHighway();

}  // namespace hone
