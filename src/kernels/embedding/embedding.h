// Token embedding: rows of a table, and the sum of their gradients.
//
// T is float or bf16. Sums run in the order of the tokens: the same bits on any number of threads.
#pragma once

#include "kernels/dispatch/dispatch.h"
#include "tensor/context.h"

namespace hone {

// table T [V, C], tokens i32 [M] in [0, V) -> x f32 [M, C] (=).
template <typename T>
void EmbeddingForward(const Context& context, int64_t M, int64_t C, int64_t V,
                      const int32_t* tokens, const T* table, float* x);

// dx f32 [M, C] -> dtable f32 [V, C], row tokens[r] += row r of dx.
void EmbeddingBackward(const Context& context, int64_t M, int64_t C, int64_t V,
                       const int32_t* tokens, const float* dx, float* dtable);

// Pieces of rows. scatter: columns [0, columns) of rows of C elements.
template <typename T>
struct EmbeddingFunctions {
    void (*row)(int64_t C, const T* from, float* to);
    void (*scatter)(int64_t M, int64_t C, int64_t columns, const int32_t* tokens, const float* dx,
                    float* dtable);
};
template <typename T>
const KernelList<AnyProblem, EmbeddingFunctions<T>>& EmbeddingKernels();
template <typename T>
EmbeddingFunctions<T> EmbeddingHighway();
template <>
EmbeddingFunctions<float> EmbeddingHighway();
template <>
EmbeddingFunctions<bf16> EmbeddingHighway();

}  // namespace hone
