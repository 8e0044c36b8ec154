// From the plain layout, in which the engine has its numbers, to that of a file, and back. Reader,
// writer and adapter files share these.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "model/config/arch.h"
#include "model/weights/weights.h"

namespace hone {

// The shape that a file gives a tensor of this plain shape.
std::vector<int64_t> StoredShape(TensorLayout layout, std::vector<int64_t> plain);

// Rows [begin, end) of the plain tensor, row-major into `out` (=), from the stored one. A tensor of
// rank 1 is one row. head_dim: for kRotaryPairs.
absl::Status ReadPlainRows(const StoredTensor& stored, TensorLayout layout, int64_t head_dim,
                           int64_t begin, int64_t end, float* out);

// All numbers of a plain tensor as a file holds them.
std::vector<float> ToStored(TensorLayout layout, const std::vector<int64_t>& plain,
                            int64_t head_dim, std::span<const float> values);

// The reverse, of numbers that are in memory.
std::vector<float> FromStored(TensorLayout layout, const std::vector<int64_t>& plain,
                              int64_t head_dim, std::span<const float> values);

// The row (or, of a bias, the element) of a kRotaryPairs tensor that holds the plain row `row`.
int64_t RotaryPairsRow(int64_t row, int64_t head_dim);

}  // namespace hone
