// Dropout (Srivastava et al., 2014) with a mask that is computed from the seed and the element's
// index, never stored: the forward pass, the backward pass and a recomputation get the same mask,
// on any number of threads.
#pragma once

#include "kernels/dispatch/dispatch.h"
#include "tensor/context.h"

namespace hone {

// x T [M, C] -> y T [M, C] (=; may be x): 0 with probability p, else x / (1 - p). p in [0, 1). The
// backward pass is the same function on the gradient. Element (row, column) has index (first_row +
// row) * C + column.
template <typename T>
void Dropout(const Context& context, int64_t M, int64_t C, float p, uint64_t seed,
             int64_t first_row, const T* x, T* y);

// y T or f32 [M, C] (=; may be base): base f32 [M, C] + what Dropout makes of x T [M, C].
template <typename T, typename Y>
void AddDropout(const Context& context, int64_t M, int64_t C, float p, uint64_t seed,
                int64_t first_row, const T* x, const float* base, Y* y);

// The 32 random bits of element `index` under `seed`: the high half of the index and the seed give
// two keys, and two rounds of an invertible 32-bit mixer run over the low half.
uint32_t DropoutBits(uint64_t seed, uint64_t index);

// Elements [index, index + n) that share the high half of their index. An element is kept where its
// bits >= threshold, and multiplied by scale.
struct DropoutRange {
    int64_t n = 0;
    uint32_t index = 0;
    uint32_t first_key = 0, second_key = 0;
    uint32_t threshold = 0;
    float scale = 1;
};
template <typename T>
struct DropoutFunctions {
    void (*drop)(const DropoutRange& range, const T* x, T* y);
    void (*add)(const DropoutRange& range, const T* x, const float* base, T* y);
    void (*add_f32)(const DropoutRange& range, const T* x, const float* base, float* y);
};
template <typename T>
const KernelList<AnyProblem, DropoutFunctions<T>>& DropoutKernels();
template <typename T>
DropoutFunctions<T> DropoutHighway();
template <>
DropoutFunctions<float> DropoutHighway();
template <>
DropoutFunctions<bf16> DropoutHighway();

}  // namespace hone
