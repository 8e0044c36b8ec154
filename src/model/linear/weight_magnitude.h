// DoRA (Liu et al. 2024, arXiv:2402.09353) on a linear group: each row of the weight has a length
// of its own that is trained, and the low-rank delta turns the row.
//
// Of output j, with W' = W + B' A: y_j = (magnitude_j / |W'_j|) * (W' x)_j + bias_j. The gradient
// takes |W'_j| for a constant, as the paper and PEFT do.
//
// |W'_j|^2 = |W_j|^2 + 2 <W_j, D_j> + |D_j|^2 with D = B' A. The first is measured once; the second
// comes of the product of W with the rows of A; so the weight is never unpacked, whatever holds it.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "model/linear/frozen_weight.h"
#include "tensor/buffer.h"
#include "tensor/context.h"

namespace hone {

// Memory that the groups use in turn while they measure; grows to what the largest needs.
template <typename T>
struct MagnitudeMemory {
    Buffer rows, products, panels;
};

template <typename T>
class WeightMagnitude {
  public:
    WeightMagnitude(int64_t in, int64_t out);

    // |W_j|^2 of the frozen weight.
    void MeasureBase(const Context& context, const FrozenWeight<T>& frozen,
                     MagnitudeMemory<T>& memory);
    // |W_j| of outputs [column, column + count) -> values (=).
    void BaseNorms(int64_t column, int64_t count, float* values) const;

    // A member of the group with a delta: outputs [column, column + out).
    struct Delta {
        int64_t column = 0, out = 0, rank = 0;
        const float* a = nullptr;           // [rank, in]
        std::vector<float> scaled_b;        // [out, rank rounded up to even] (ScaledLowRank)
        const float* magnitudes = nullptr;  // [out]
    };
    // Measures |W'_j| and sets the factors of these members' outputs; the others' stay 1.
    void Update(const Context& context, const FrozenWeight<T>& frozen,
                std::span<const Delta> deltas, MagnitudeMemory<T>& memory);

    // [out]: magnitude_j / |W'_j|, and 1 / |W'_j|.
    const float* factors() const { return factors_.data(); }
    const float* inverse_norms() const { return inverse_norms_.data(); }

  private:
    // memory.products f32 [count, out] (=) = the first `count` of memory.rows times the weight.
    void Multiply(const Context& context, const FrozenWeight<T>& frozen, int64_t count,
                  MagnitudeMemory<T>& memory) const;
    // Memory for `count` rows.
    void Reserve(int64_t count, const FrozenWeight<T>& frozen, MagnitudeMemory<T>& memory) const;

    int64_t in_, out_;
    std::vector<double> base_squares_;
    std::vector<float> factors_, inverse_norms_;
};

}  // namespace hone
