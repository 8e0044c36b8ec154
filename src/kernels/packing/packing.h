// Turning matrices into the layout that tiles read: B's panels (gemm.h), and those of B^T.
#pragma once

#include <cstdint>

#include "kernels/dispatch/dispatch.h"
#include "tensor/dtype.h"

namespace hone {

// Where element (row, column) of a panel with `stored` columns lies, in elements from its first.
template <typename T>
int64_t PackedIndex(int64_t row, int64_t column, int64_t stored) {
    if constexpr (sizeof(T) == 2) return (row / 2 * stored + column) * 2 + row % 2;
    return row * stored + column;
}

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
    // Transposes a part of a panel of B into rows of a panel of B^T. The part is `width` rows, from
    // `panel` on, by the first `columns` of the panel's `stored` columns. For bf16 `panel` is at an
    // even row, and after an odd number of rows there is one of zeros. It becomes `columns` rows,
    // from `out` on (an even row for bf16), in a panel of `out_stored` columns. The columns after
    // `width` become zeros; for bf16 and odd `columns` the last pair is filled up with zeros.
    void (*panel_transposed)(const T* panel, int stored, int64_t columns, int width, int out_stored,
                             T* out);
};

// Best first; explained as op "packing".
template <typename T>
const KernelList<AnyProblem, PackFunctions<T>>& PackKernels();

// `rest` with the functions that gain by SIMD; of floats, which are copied, none.
PackFunctions<bf16> HighwayPacking(PackFunctions<bf16> rest);
template <typename T>
PackFunctions<T> Avx512Packing();  // only where the build is for x86-64

}  // namespace hone
