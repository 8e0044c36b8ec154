// The parts of int8.h: quantizing rows, transposing quantized weights, one tile of a product.
#pragma once

#include <cstdint>

#include "kernels/dispatch/dispatch.h"
#include "kernels/gemm/tile.h"

namespace hone {

// The byte that stands for zero.
inline constexpr int kInt8Zero = 128;

// A run of a row, x [n], each number times `factor` [n] where that is not null.
template <typename T>
struct Int8RowFunctions {
    // The bits of the largest magnitude. As integers, the bits of magnitudes have the order of the
    // magnitudes, and what is not finite is above all others.
    uint32_t (*largest)(int64_t n, const T* x, const float* factor);
    // codes [n] = 128 + number * inverse, rounded to the nearest whole number, to even in a tie.
    // The product must lie within 127 of zero.
    void (*codes)(int64_t n, const T* x, const float* factor, float inverse, uint8_t* codes);
};
// Best first; explained as op "int8_rows".
template <typename T>
const KernelList<AnyProblem, Int8RowFunctions<T>>& Int8RowKernels();

// Transposes a matrix of 4 x 4 blocks of bytes, and each block too: `from` has [rows, columns]
// blocks, `to` gets [columns, rows] (=). Blocks of a row lie side by side. Strides are in bytes
// from row to row.
struct Int8TransposeFunctions {
    void (*blocks)(int64_t rows, int64_t columns, const int8_t* from, int64_t from_stride,
                   int8_t* to, int64_t to_stride);
};
// Best first; explained as op "int8_transpose".
const KernelList<AnyProblem, Int8TransposeFunctions>& Int8TransposeKernels();

// C (= or +=, as tile.output says) row_scales * scales * (starts + bytes * codes) + H H_B + bias.
// `tile` describes all but the first term: its k is 0.
template <typename T>
struct Int8TileArgs {
    TileArgs<T> tile;
    int64_t k = 0;                   // a multiple of 4
    const uint8_t* bytes = nullptr;  // [rows, k]
    int64_t bytes_stride = 0;
    const float* row_scales = nullptr;  // [rows]
    const int8_t* codes = nullptr;      // [k / 4][stored][4]
    const float* scales = nullptr;      // [width], or null: ones
    const int32_t* starts = nullptr;    // [width]
};
template <typename T>
struct Int8TileFunctions {
    void (*run)(const Int8TileArgs<T>&);
    int (*rows)(int stored);  // as TileFunctions
};
// Best first; explained as op "int8_gemm".
template <typename T>
const KernelList<AnyProblem, Int8TileFunctions<T>>& Int8TileKernels();

// For an implementation that has the first term in memory, sums [rows, kPanelColumns]: adds the
// rest and stores C.
template <typename T>
void FinishInt8Tile(const Int8TileArgs<T>& args, const TileFunctions<T>& gemm, float* sums);

// Each implementation is a file of its own.
template <typename T>
Int8TileFunctions<T> Avx512Int8Tile();  // only where the build is for x86-64
template <typename T>
Int8TileFunctions<T> HighwayInt8Tile();
template <typename T>
Int8TileFunctions<T> ReferenceInt8Tile();
template <typename T>
Int8RowFunctions<T> HighwayInt8Rows();
template <typename T>
Int8RowFunctions<T> ReferenceInt8Rows();
Int8TransposeFunctions HighwayInt8Transpose();
Int8TransposeFunctions ReferenceInt8Transpose();

}  // namespace hone
