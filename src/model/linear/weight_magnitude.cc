#include "model/linear/weight_magnitude.h"

#include <algorithm>
#include <cfloat>
#include <cmath>

#include "kernels/reduce/reduce.h"
#include "model/linear/group_adapter.h"
#include "tensor/dtype.h"
#include "tensor/partition.h"

namespace hone {
namespace {

// Rows of the identity that are multiplied at a time.
constexpr int64_t kUnitRows = 256;

// The dot product, in partial sums that vectors hold.
template <typename T>
double Dot(int64_t n, const T* a, const T* b) {
    constexpr int kSums = 8;
    double sums[kSums] = {};
    int64_t i = 0;
    for (; i + kSums <= n; i += kSums)
        for (int k = 0; k < kSums; ++k) sums[k] += double{ToFloat(a[i + k])} * ToFloat(b[i + k]);
    for (; i < n; ++i) sums[0] += double{ToFloat(a[i])} * ToFloat(b[i]);
    return ((sums[0] + sums[1]) + (sums[2] + sums[3])) +
           ((sums[4] + sums[5]) + (sums[6] + sums[7]));
}

void Grow(Buffer& buffer, size_t bytes) {
    if (buffer.bytes() < bytes) buffer = Buffer(bytes);
}

}  // namespace

template <typename T>
WeightMagnitude<T>::WeightMagnitude(int64_t in, int64_t out)
    : in_(in),
      out_(out),
      base_squares_(static_cast<size_t>(out)),
      factors_(static_cast<size_t>(out), 1.0f),
      inverse_norms_(static_cast<size_t>(out), 1.0f) {}

template <typename T>
void WeightMagnitude<T>::Reserve(int64_t count, const FrozenWeight<T>& frozen,
                                 MagnitudeMemory<T>& memory) const {
    // A product may read an element past an odd row.
    Grow(memory.rows, static_cast<size_t>(count * in_ + 2) * sizeof(T));
    Grow(memory.products, static_cast<size_t>(count * out_) * sizeof(float));
    Grow(memory.panels, static_cast<size_t>(frozen.panel_elements(false)) * sizeof(T));
}

template <typename T>
void WeightMagnitude<T>::Multiply(const Context& context, const FrozenWeight<T>& frozen,
                                  int64_t count, MagnitudeMemory<T>& memory) const {
    LinearScratch<T> scratch;
    scratch.panels = memory.panels.template as<T>();
    frozen.Forward(context,
                   {.m = count,
                    .a = memory.rows.template as<T>(),
                    .a_stride = in_,
                    .c = memory.products.data(),
                    .c_stride = out_,
                    .output = GemmOutput::kStoreF32},
                   scratch);
}

template <typename T>
void WeightMagnitude<T>::MeasureBase(const Context& context, const FrozenWeight<T>& frozen,
                                     MagnitudeMemory<T>& memory) {
    Reserve(std::min(in_, kUnitRows), frozen, memory);
    std::fill(base_squares_.begin(), base_squares_.end(), 0.0);
    T* rows = memory.rows.template as<T>();
    const float* products = memory.products.template as<float>();
    for (int64_t first = 0; first < in_; first += kUnitRows) {
        const int64_t count = std::min(in_ - first, kUnitRows);
        std::fill_n(rows, count * in_, T{});
        for (int64_t row = 0; row < count; ++row)
            rows[row * in_ + first + row] = FromFloat<T>(1.0f);
        Multiply(context, frozen, count, memory);
        ForColumns(context, out_, [&](int64_t column, int64_t columns) {
            for (int64_t row = 0; row < count; ++row)
                for (int64_t j = column; j < column + columns; ++j)
                    base_squares_[j] += double{products[row * out_ + j]} * products[row * out_ + j];
        });
    }
}

template <typename T>
void WeightMagnitude<T>::BaseNorms(int64_t column, int64_t count, float* values) const {
    for (int64_t j = 0; j < count; ++j)
        values[j] = static_cast<float>(std::sqrt(base_squares_[column + j]));
}

template <typename T>
void WeightMagnitude<T>::Update(const Context& context, const FrozenWeight<T>& frozen,
                                std::span<const Delta> deltas, MagnitudeMemory<T>& memory) {
    int64_t ranks = 0;
    for (const Delta& delta : deltas) ranks += delta.rank;
    Reserve(ranks, frozen, memory);
    T* rows = memory.rows.template as<T>();
    for (const Delta& delta : deltas) {
        Cast<T>(context, delta.rank * in_, delta.a, rows);
        rows += delta.rank * in_;
    }
    Multiply(context, frozen, ranks, memory);
    const T* a = memory.rows.template as<T>();
    const float* products = memory.products.template as<float>();
    for (const Delta& delta : deltas) {
        const int64_t rank = delta.rank, stride = RankColumns(rank);
        std::vector<double> gram(static_cast<size_t>(rank * rank));  // A A^T
        context.ParallelFor(rank, [&](int64_t r, int) {
            for (int64_t s = 0; s <= r; ++s)
                gram[r * rank + s] = gram[s * rank + r] = Dot(in_, a + r * in_, a + s * in_);
        });
        ForRows(context, delta.out, rank * rank, [&](int64_t first, int64_t count) {
            std::vector<double> turned(static_cast<size_t>(rank));  // 2 <W_j, A_s> + (A A^T b)_s
            for (int64_t j = first; j < first + count; ++j) {
                const float* b = delta.scaled_b.data() + j * stride;
                const int64_t column = delta.column + j;
                for (int64_t s = 0; s < rank; ++s)
                    turned[s] = 2 * double{products[s * out_ + column]};
                for (int64_t r = 0; r < rank; ++r)
                    for (int64_t s = 0; s < rank; ++s) turned[s] += b[r] * gram[r * rank + s];
                double square = base_squares_[column];
                for (int64_t s = 0; s < rank; ++s) square += b[s] * turned[s];
                const double norm = std::sqrt(std::max(square, double{FLT_MIN}));
                inverse_norms_[column] = static_cast<float>(1 / norm);
                factors_[column] = static_cast<float>(delta.magnitudes[j] / norm);
            }
        });
        a += rank * in_;
        products += rank * out_;
    }
}

template class WeightMagnitude<float>;
template class WeightMagnitude<bf16>;

}  // namespace hone
