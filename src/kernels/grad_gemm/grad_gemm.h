// The gradients of weights: C = A^T B, where A and B have a row for each token.
#pragma once

#include <cstdint>
#include <span>

#include "kernels/gemm/gemm.h"
#include "tensor/context.h"

namespace hone {

// The gradient of a weight: C [m, n] f32 (+= or =, as `output` says) scale * A^T B, with
// A [tokens, m] and B [tokens, n] of T, strides in elements. Sums run in the order of the tokens,
// so the result has the same bits on any number of threads.
template <typename T>
struct GradGemmArgs {
    int64_t m = 0, n = 0;
    const T* a = nullptr;
    int64_t a_stride = 0;
    const T* b = nullptr;
    int64_t b_stride = 0;
    float scale = 1;
    float* c = nullptr;
    int64_t c_stride = 0;
    GemmOutput output = GemmOutput::kAddF32;  // or kStoreF32
};
// Computes several gradients (at least one) of the same tokens side by side. No two C's may
// overlap. A and B are packed piece by piece in scratch; a B that several share is packed once. An
// adapter's gradient is thin on one side, and its wide side is not packed (thin_grad.h).
template <typename T>
void GradGemm(const Context& context, int64_t tokens, std::span<const GradGemmArgs<T>> gradients);

}  // namespace hone
