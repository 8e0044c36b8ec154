// Products with a quantized matrix, in integers. A's rows are quantized to 8 bits too. The 32
// products of a group are added exactly, and only their sum is scaled.
//
// A number x of A's row, or w of B's column, is a small integer, its code, times a scale that its
// group of 32 along K shares:
//   A's row:  x = scale * code            code in -127..127, scale = largest |x| / 127
//   B int8:   w = w_scale * (w_code - 128)
//   B int4:   w = w_scale * w_code + w_minimum
// So over a group:
//   int8:  sum of x w = scale * w_scale * (sum of code * (w_code - 128))
//   int4:  sum of x w = scale * (w_scale * sum of code * w_code + w_minimum * sum of code)
//
// A row of C depends on its own row of A alone, and its groups are added in the order of K. So it
// has the same bits whatever rows are multiplied with it, on any number of threads.
#pragma once

#include <cstdint>
#include <span>

#include "kernels/dispatch/dispatch.h"
#include "kernels/gemm/gemm.h"

namespace hone {

// Quantizes one row of A: x [k]. For each group of 32: codes (=, zeros past k), scale (=) and the
// sum of the codes (=). A group with a NaN or an infinity gets codes of zero and the scale NaN.
template <typename T>
struct QuantizeRowFunctions {
    void (*row)(int64_t k, const T* x, int8_t* codes, float* scales, float* sums);
};
// Best first; explained as op "quantize_row".
template <typename T>
const KernelList<AnyProblem, QuantizeRowFunctions<T>>& QuantizeRowKernels();

// The most rows of one tile, in any implementation.
inline constexpr int kMaxQuantizedRows = 8;

// C f32 [rows, stored] (+=) A [rows, k] B.
struct QuantizedTileArgs {
    WeightStorage storage = WeightStorage::kInt8;
    int rows = 0;    // 1..kMaxQuantizedRows
    int stored = 0;  // columns of B as packed: 16, 32, 48 or 64
    int64_t k = 0;
    // A, quantized. groups: from row to row, at least those of k.
    int64_t groups = 0;
    const int8_t* codes = nullptr;   // [rows][groups * 32]
    const float* scales = nullptr;   // [rows][groups]
    const float* sums = nullptr;     // [rows][groups]
    const uint8_t* panel = nullptr;  // as in quantized_panel.h
    bool prefetched = false;         // the panel was in another tile's `ahead`
    float* c = nullptr;              // kPanelColumns floats per row
    // Memory that is read soon: an implementation may prefetch it while it works.
    std::span<const std::span<const uint8_t>> ahead;
};

struct QuantizedTileFunctions {
    void (*run)(const QuantizedTileArgs&);
};
// Best first; explained as op "quantized_gemm".
const KernelList<AnyProblem, QuantizedTileFunctions>& QuantizedGemmKernels();

// Gemm for a `b` that is quantized.
template <typename T>
void QuantizedGemm(const Context& context, const GemmArgs<T>& args);

// Each implementation is a file of its own.
QuantizedTileFunctions Avx512VnniQuantizedTile();  // only where the build is for x86-64
QuantizedTileFunctions HighwayQuantizedTile();
QuantizedTileFunctions ReferenceQuantizedTile();
template <typename T>
QuantizeRowFunctions<T> HighwayQuantizeRow();
template <typename T>
QuantizeRowFunctions<T> ReferenceQuantizeRow();

}  // namespace hone
