// Panels (gemm.h) of a weight whose rows are unpacked one at a time, for weights that are held in
// fewer bits than the products take.
#pragma once

#include <cstdint>
#include <functional>

#include "kernels/gemm/gemm.h"

namespace hone {

// The rows of weights [rows, columns] that lie one below the other.
template <typename T>
struct PackedRows {
    int64_t rows = 0, columns = 0;
    // What `read` needs beside, a thread's own: a multiple of 64.
    size_t scratch_bytes = 0;
    // Row `row` -> out [columns] (=), rounded to T. Different threads read at the same time.
    std::function<void(int64_t row, void* scratch, T* out)> read;
};

// `panels` gets layout.elements() elements (=), padding included.
//
// For x W^T, B is [columns, rows], with a group of panels for each layer that shares the input: the
// layout of PackedMatrix(columns, rows of each).
template <typename T>
void RowsToForwardPanels(const Context& context, const PackedRows<T>& source,
                         const PackedMatrix<T>& layout, T* panels);
// For dy W, B is [rows, columns]: the layout of PackedMatrix(rows, {columns}).
template <typename T>
void RowsToBackwardPanels(const Context& context, const PackedRows<T>& source,
                          const PackedMatrix<T>& layout, T* panels);

}  // namespace hone
