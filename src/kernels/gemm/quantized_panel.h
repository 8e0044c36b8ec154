// A packed panel whose numbers are quantized to 8 or 4 bits (the codes of quantized_gemm.h). 32
// numbers along K, of one column, are a group and share a scale.
//
// The groups lie one after the other, each in the order in which the inner loop of a product reads
// it:
//   scales  f16 [stored]
//   minima  f16 [stored], int4 only
//   codes   int8: u8 [8][stored][4], four rows of K side by side; code 128 is zero
//           int4: u8 [4][stored][4], byte [i][column][j] holds row 8i + j in its low four bits, row
//           8i + 4 + j in its high ones
// The last group ends with K, rounded up to the rows that lie side by side (4, for int4 8). The
// rows of A must be zero past K.
#pragma once

#include <cstdint>

#include "kernels/gemm/gemm.h"
#include "tensor/partition.h"

namespace hone {

inline constexpr int64_t kQuantGroup = 32;
constexpr int64_t QuantGroups(int64_t k) { return CeilDivide(k, kQuantGroup); }

// Rows of K whose codes lie side by side in four bytes.
constexpr int64_t QuantRowsOfK(WeightStorage storage) {
    return storage == WeightStorage::kInt4 ? 8 : 4;
}

// Bytes of one column's group of so many rows: of its scale and minimum, and with its codes.
constexpr int64_t QuantHeadBytes(WeightStorage storage) {
    return storage == WeightStorage::kInt4 ? 4 : 2;
}
constexpr int64_t QuantGroupBytes(WeightStorage storage, int64_t rows = kQuantGroup) {
    return QuantHeadBytes(storage) + CeilDivide(rows, QuantRowsOfK(storage)) * 4;
}

constexpr int64_t QuantPanelBytes(WeightStorage storage, int64_t k, int64_t stored) {
    const int64_t rest = k % kQuantGroup;
    return stored * (k / kQuantGroup * QuantGroupBytes(storage) +
                     (rest > 0 ? QuantGroupBytes(storage, rest) : 0));
}

// values f32 [k, stored], row-major -> panel, QuantPanelBytes (=).
void QuantizePanel(WeightStorage storage, int64_t k, int64_t stored, const float* values,
                   uint8_t* panel);

// The values of a panel: out f32 [k, stored], row-major (=).
void DequantizePanel(WeightStorage storage, int64_t k, int64_t stored, const uint8_t* panel,
                     float* out);

}  // namespace hone
