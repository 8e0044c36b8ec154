// Turning matrices into the layouts that tiles read: B's panels (gemm.h) and rows of A^T.
#pragma once

#include <cstdint>

#include "kernels/dispatch.h"
#include "tensor/dtype.h"

namespace hone {

template <typename T>
struct PackFunctions {
    // Rows k of a panel: [0, count) of src [count, width], row-major with `stride` elements per
    // row. Zeros in the columns after `width`, up to `stored`; for bf16 and an odd count, in the
    // last pair too.
    void (*rows)(const T* src, int64_t stride, int64_t count, int width, int stored, T* out);
    // The same from floats, rounded to T. Where the instructions for bf16 are used, numbers below
    // the smallest normal one become zero.
    void (*rows_f32)(const float* src, int64_t stride, int64_t count, int width, int stored,
                     T* out);
    // Columns of a panel: [0, count) of src [count, k], row-major, rounded to T as above. `out` is
    // the first of them in the panel; for bf16 and an odd k the last pair gets a zero. Other
    // columns are left alone.
    void (*columns_f32)(const float* src, int64_t k, int64_t count, int stored, T* out);
    // out[i][t] = src[t][i], i < count, t < tokens; `out_stride` elements per row. For bf16 and odd
    // tokens out[i][tokens] is zero.
    void (*transposed)(const T* src, int64_t stride, int64_t tokens, int64_t count, T* out,
                       int64_t out_stride);
};

// Best first; explained as op "packing".
template <typename T>
const KernelList<AnyProblem, PackFunctions<T>>& PackKernels();

template <typename T>
PackFunctions<T> Avx512Packing();  // only where the build is for x86-64

}  // namespace hone
