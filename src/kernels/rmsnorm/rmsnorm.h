// Root mean square normalisation (Zhang & Sennrich, "Root Mean Square Layer Normalization", 2019):
// xhat = x / sqrt(mean(x^2) + eps), y = xhat * weight.
//
// T is float or bf16. Arithmetic is f32, sums over a row in f32 lanes; results are the same bits on
// any number of threads. For bf16, xhat is rounded before it is multiplied, as transformers does.
// Outputs alias no input unless said.
#pragma once

#include "kernels/dispatch/dispatch.h"
#include "tensor/context.h"

namespace hone {

// x f32 [M, C], weight f32 [C] -> xhat T [M, C] (=; may be nullptr), y T [M, C] (=), rstd f32 [M]
// (=, 1 / the root; may be nullptr).
template <typename T>
void RmsNormForward(const Context& context, int64_t M, int64_t C, const float* x,
                    const float* weight, float eps, T* xhat, T* y, float* rstd);

// y T [M, C] (=) from the saved xhat, the same bits as RmsNormForward gave. y may be xhat.
template <typename T>
void RmsNormScale(const Context& context, int64_t M, int64_t C, const T* xhat, const float* weight,
                  T* y);

// dy f32 [M, C], and xhat, weight, rstd of the forward pass ->
//   dx f32 [M, C] += rstd * (dy * weight - xhat * mean(dy * weight * xhat))
//   dx_t T [M, C] = the updated dx, rounded (nullptr: not wanted)
//   dweight f32 [C] += sum over rows of dy * xhat (nullptr: not wanted)
template <typename T>
void RmsNormBackward(const Context& context, int64_t M, int64_t C, const float* dy, const T* xhat,
                     const float* weight, const float* rstd, float* dx, T* dx_t, float* dweight);

// The norm of each head by itself (Qwen 3, Gemma 3): row r has n heads of D elements at
// x + r * row_stride, which y takes the place of. weight f32 [D], xhat T [M, n, D] (=), rstd
// f32 [M, n] (=).
template <typename T>
void RmsNormHeadsForward(const Context& context, int64_t M, int64_t n, int64_t D, T* x,
                         int64_t row_stride, const float* weight, float eps, T* xhat, float* rstd);
// dx = the gradient of x, where dy was, row r at dx + r * row_stride. dy_f32 f32 [M, n, D] is
// scratch (=, dy). dweight f32 [D] += (nullptr: not wanted).
template <typename T>
void RmsNormHeadsBackward(const Context& context, int64_t M, int64_t n, int64_t D, T* dx,
                          int64_t row_stride, const T* xhat, const float* weight, const float* rstd,
                          float* dy_f32, float* dweight);

// What an implementation does: a range of rows of one thread, or for the weight a range of columns.
template <typename T>
struct RmsNormFunctions {
    void (*forward)(int64_t rows, int64_t C, const float* x, const float* weight, float eps,
                    T* xhat, T* y, float* rstd);
    void (*scale)(int64_t rows, int64_t C, const T* xhat, const float* weight, T* y);
    void (*backward)(int64_t rows, int64_t C, const float* dy, const T* xhat, const float* weight,
                     const float* rstd, float* dx, T* dx_t);
    // dweight[c] += over all M rows, for c in [0, columns); dy and xhat have rows of C elements.
    void (*backward_weight)(int64_t M, int64_t C, int64_t columns, const float* dy, const T* xhat,
                            float* dweight);
};
template <typename T>
const KernelList<AnyProblem, RmsNormFunctions<T>>& RmsNormKernels();
template <typename T>
RmsNormFunctions<T> RmsNormHighway();
template <>
RmsNormFunctions<float> RmsNormHighway();
template <>
RmsNormFunctions<bf16> RmsNormHighway();

}  // namespace hone
