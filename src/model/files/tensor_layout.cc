#include "model/files/tensor_layout.h"

#include <algorithm>
#include <utility>

namespace hone {
namespace {

int64_t Rows(const std::vector<int64_t>& shape) { return shape.size() < 2 ? 1 : shape[0]; }
int64_t Columns(const std::vector<int64_t>& shape) { return shape.empty() ? 1 : shape.back(); }

// Columns [begin, end) of a stored matrix as rows. Of plain types alone: a block of a quantized one
// lies along a row.
absl::Status ReadColumns(const StoredTensor& stored, int64_t begin, int64_t end, float* out) {
    if (StorageBlockElements(stored.type) != 1 || stored.shape.size() != 2)
        return ModelError("the tensor \"{}\" is {}, which hone reads only row by row", stored.name,
                          stored.type_name);
    StoredTensor turned = stored;
    std::swap(turned.shape[0], turned.shape[1]);
    turned.strides =
        stored.strides.empty() ? std::vector<int64_t>{stored.shape[1], 1} : stored.strides;
    std::swap(turned.strides[0], turned.strides[1]);
    return ReadRows(turned, begin, end, out);
}

absl::Status ReadRotaryPairs(const StoredTensor& stored, int64_t head_dim, int64_t begin,
                             int64_t end, float* out) {
    if (stored.shape.size() == 1) {  // a bias is one row, whose elements are permuted
        if (begin == end) return absl::OkStatus();
        HONE_ASSIGN_OR_RETURN(auto values, ReadTensor(stored));
        for (size_t i = 0; i < values.size(); ++i)
            out[i] = values[static_cast<size_t>(RotaryPairsRow(static_cast<int64_t>(i), head_dim))];
        return absl::OkStatus();
    }
    const int64_t columns = Columns(stored.shape);
    for (int64_t row = begin; row < end; ++row) {
        const int64_t at = RotaryPairsRow(row, head_dim);
        HONE_RETURN_IF_ERROR(ReadRows(stored, at, at + 1, out + (row - begin) * columns));
    }
    return absl::OkStatus();
}

// visit(index of the plain tensor, index of the stored one) for each element.
template <typename Visit>
void ForEachElement(TensorLayout layout, const std::vector<int64_t>& plain, int64_t head_dim,
                    const Visit& visit) {
    const int64_t rows = Rows(plain), columns = Columns(plain);
    const bool bias = plain.size() == 1;
    for (int64_t row = 0; row < rows; ++row)
        for (int64_t column = 0; column < columns; ++column) {
            int64_t at = row * columns + column;
            if (layout == TensorLayout::kTransposed) at = column * rows + row;
            if (layout == TensorLayout::kRotaryPairs)
                at = bias ? RotaryPairsRow(column, head_dim)
                          : RotaryPairsRow(row, head_dim) * columns + column;
            visit(static_cast<size_t>(row * columns + column), static_cast<size_t>(at));
        }
}

}  // namespace

int64_t RotaryPairsRow(int64_t row, int64_t head_dim) {
    int64_t head = row / head_dim, half = row % head_dim / (head_dim / 2),
            pair = row % (head_dim / 2);
    return head * head_dim + pair * 2 + half;
}

std::vector<int64_t> StoredShape(TensorLayout layout, std::vector<int64_t> plain) {
    if (layout == TensorLayout::kTransposed) std::reverse(plain.begin(), plain.end());
    return plain;
}

absl::Status ReadPlainRows(const StoredTensor& stored, TensorLayout layout, int64_t head_dim,
                           int64_t begin, int64_t end, float* out) {
    switch (layout) {
        case TensorLayout::kPlain:
            return ReadRows(stored, begin, end, out);
        case TensorLayout::kTransposed:
            return ReadColumns(stored, begin, end, out);
        case TensorLayout::kRotaryPairs:
            return ReadRotaryPairs(stored, head_dim, begin, end, out);
        case TensorLayout::kPlusOne: {
            HONE_RETURN_IF_ERROR(ReadRows(stored, begin, end, out));
            const int64_t count = (end - begin) * Columns(stored.shape);
            for (int64_t i = 0; i < count; ++i) out[i] -= 1;
            return absl::OkStatus();
        }
    }
    return absl::OkStatus();
}

std::vector<float> ToStored(TensorLayout layout, const std::vector<int64_t>& plain,
                            int64_t head_dim, std::span<const float> values) {
    std::vector<float> stored(values.size());
    const float more = layout == TensorLayout::kPlusOne ? 1 : 0;
    ForEachElement(layout, plain, head_dim,
                   [&](size_t from, size_t to) { stored[to] = values[from] + more; });
    return stored;
}

std::vector<float> FromStored(TensorLayout layout, const std::vector<int64_t>& plain,
                              int64_t head_dim, std::span<const float> values) {
    std::vector<float> numbers(values.size());
    const float more = layout == TensorLayout::kPlusOne ? 1 : 0;
    ForEachElement(layout, plain, head_dim,
                   [&](size_t to, size_t from) { numbers[to] = values[from] - more; });
    return numbers;
}

}  // namespace hone
