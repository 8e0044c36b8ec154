// Turning matrices into the layout that tiles read: panels (gemm.h).
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
};

// Best first; explained as op "packing".
template <typename T>
const KernelList<AnyProblem, PackFunctions<T>>& PackKernels();

template <typename T>
PackFunctions<T> Avx512Packing();  // only where the build is for x86-64

}  // namespace hone
