#include "kernels/nf4/nf4.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>

#include "kernels/dynamic_map/dynamic_map.h"
#include "kernels/gemm/row_panels.h"
#include "tensor/partition.h"

namespace hone {
namespace {

// The largest magnitude; a NaN is larger than all, so that it is not lost.
float LargestMagnitude(int64_t count, const float* x) {
    uint32_t largest = 0;
    for (int64_t i = 0; i < count; ++i)
        largest = std::max(largest, std::bit_cast<uint32_t>(x[i]) & 0x7fffffff);
    return std::bit_cast<float>(largest);
}

// How many of the middles between neighbouring values lie below each of the 64 numbers: the code of
// the nearest value.
void NearestCodes(const float* scaled, const float* table, int32_t* codes) {
    std::fill_n(codes, kNf4Block, 0);
    for (int j = 0; j < 15; ++j) {
        const float middle = (table[j] + table[j + 1]) / 2;
        for (int64_t i = 0; i < kNf4Block; ++i) codes[i] += scaled[i] > middle;
    }
}

// One block of `count` numbers, 64 but for a weight's last: its codes (=). Returns the absmax.
float QuantizeBlock(int64_t count, const float* x, const float* table, uint8_t* codes) {
    const float absmax = LargestMagnitude(count, x), divisor = std::max(absmax, 1e-38f);
    float scaled[kNf4Block] = {};
    const float inverse = 1 / divisor;
    for (int64_t i = 0; i < count; ++i)
        scaled[i] = count == kNf4Block ? x[i] * inverse : x[i] / divisor;
    int32_t nearest[kNf4Block];
    NearestCodes(scaled, table, nearest);
    for (int half = 0; half < 2; ++half)
        for (int i = 0; i < 16; ++i)
            codes[half * 16 + i] =
                static_cast<uint8_t>(nearest[half * 32 + i] | nearest[half * 32 + 16 + i] << 4);
    return absmax;
}

template <typename T>
void ReferenceValues(int64_t blocks, const uint8_t* codes, const float* absmax, const float* table,
                     T* out) {
    for (int64_t i = 0; i < blocks * kNf4Block; ++i) {
        const int64_t block = i / kNf4Block, at = i % kNf4Block;
        const uint8_t pair = codes[block * kNf4BlockBytes + at / 32 * 16 + at % 16];
        out[i] = FromFloat<T>(table[at % 32 < 16 ? pair & 15 : pair >> 4] * absmax[block]);
    }
}

// The rows of weights that lie one below the other.
template <typename T>
PackedRows<T> RowsOf(std::span<const Nf4Matrix> weights) {
    const int64_t columns = weights.front().columns();
    // A row may begin and end within a block.
    const int64_t most_blocks = columns / kNf4Block + 2;
    const size_t absmax_bytes = static_cast<size_t>(CeilDivide(most_blocks, 16) * 64);
    PackedRows<T> source{
        .columns = columns,
        .scratch_bytes = absmax_bytes + static_cast<size_t>(most_blocks) * kNf4Block * sizeof(T)};
    for (const Nf4Matrix& weight : weights) source.rows += weight.rows();
    source.read = [=, &functions = Nf4Kernels<T>().Choose({})](int64_t row, void* scratch, T* out) {
        size_t index = 0;
        while (row >= weights[index].rows()) row -= weights[index++].rows();
        const Nf4Matrix& weight = weights[index];
        const int64_t begin = row * columns, first = begin / kNf4Block, skip = begin % kNf4Block;
        const int64_t blocks = CeilDivide(begin + columns, kNf4Block) - first;
        float* absmax = static_cast<float*>(scratch);
        weight.Absmax(first, blocks, absmax);
        const bool whole = skip == 0 && columns % kNf4Block == 0;
        T* values = whole ? out : reinterpret_cast<T*>(static_cast<char*>(scratch) + absmax_bytes);
        functions.values(blocks, weight.codes(first), absmax, FourBitValues(weight.kind()), values);
        if (!whole) std::copy_n(values + skip, columns, out);
    };
    return source;
}

}  // namespace

std::span<const float, 256> Nf4DynamicMap() { return DynamicMap::Signed().numbers(); }

Nf4Matrix::Nf4Matrix(int64_t rows, int64_t columns, bool double_quant, FourBits kind)
    : rows_(rows),
      columns_(columns),
      blocks_(CeilDivide(rows * columns, kNf4Block)),
      double_quant_(double_quant),
      kind_(kind),
      codes_(static_cast<size_t>(blocks_ * kNf4BlockBytes)),
      absmax_(static_cast<size_t>(blocks_) * sizeof(float)) {
    HONE_CHECK(rows > 0 && columns > 0);
}

void Nf4Matrix::SetRows(int64_t row, int64_t count, const float* src) {
    const int64_t begin = row * columns_, end = begin + count * columns_;
    HONE_CHECK(begin % kNf4Block == 0 && (end % kNf4Block == 0 || row + count == rows_));
    for (int64_t at = begin; at < end; at += kNf4Block)
        absmax_.as<float>()[at / kNf4Block] =
            QuantizeBlock(std::min(kNf4Block, end - at), src + at - begin, FourBitValues(kind_),
                          codes_.as<uint8_t>() + at / kNf4Block * kNf4BlockBytes);
}

void Nf4Matrix::Finish() {
    if (!double_quant_) return;
    const float* absmax = absmax_.as<float>();
    double sum = 0;
    for (int64_t i = 0; i < blocks_; ++i) sum += absmax[i];
    const float mean = static_cast<float>(sum / static_cast<double>(blocks_));
    Buffer codes(static_cast<size_t>(blocks_));
    std::vector<float> centred;
    for (int64_t begin = 0; begin < blocks_; begin += kNf4ScaleBlock) {
        const int64_t count = std::min(kNf4ScaleBlock, blocks_ - begin);
        centred.assign(absmax + begin, absmax + begin + count);
        for (float& value : centred) value -= mean;
        const float largest = LargestMagnitude(count, centred.data());
        scales_.push_back(largest);
        for (int64_t i = 0; i < count; ++i)
            codes.as<uint8_t>()[begin + i] =
                DynamicMap::Signed().Nearest(largest > 0 ? centred[i] / largest : 0);
    }
    scales_.push_back(mean);
    absmax_ = std::move(codes);
}

void Nf4Matrix::Absmax(int64_t block, int64_t count, float* absmax) const {
    if (!double_quant_) {
        std::copy_n(absmax_.as<float>() + block, count, absmax);
        return;
    }
    const std::span<const float, 256> map = Nf4DynamicMap();
    const float mean = scales_.back();
    for (int64_t i = 0; i < count; ++i)
        absmax[i] =
            map[absmax_.as<uint8_t>()[block + i]] * scales_[(block + i) / kNf4ScaleBlock] + mean;
}

template <typename T>
const KernelList<AnyProblem, Nf4Functions<T>>& Nf4Kernels() {
    static const KernelList<AnyProblem, Nf4Functions<T>> list(
        "nf4", {{"highway", NeedsSimd<AnyProblem>, Nf4Highway<T>()},
                {"reference", NeverDeclines<AnyProblem>, {ReferenceValues<T>}}});
    return list;
}

template <typename T>
void Nf4ToForwardPanels(const Context& context, std::span<const Nf4Matrix> weights,
                        const PackedMatrix<T>& layout, T* panels) {
    RowsToForwardPanels(context, RowsOf<T>(weights), layout, panels);
}

template <typename T>
void Nf4ToBackwardPanels(const Context& context, std::span<const Nf4Matrix> weights,
                         const PackedMatrix<T>& layout, T* panels) {
    RowsToBackwardPanels(context, RowsOf<T>(weights), layout, panels);
}

template const KernelList<AnyProblem, Nf4Functions<float>>& Nf4Kernels();
template const KernelList<AnyProblem, Nf4Functions<bf16>>& Nf4Kernels();
template void Nf4ToForwardPanels(const Context&, std::span<const Nf4Matrix>,
                                 const PackedMatrix<float>&, float*);
template void Nf4ToForwardPanels(const Context&, std::span<const Nf4Matrix>,
                                 const PackedMatrix<bf16>&, bf16*);
template void Nf4ToBackwardPanels(const Context&, std::span<const Nf4Matrix>,
                                  const PackedMatrix<float>&, float*);
template void Nf4ToBackwardPanels(const Context&, std::span<const Nf4Matrix>,
                                  const PackedMatrix<bf16>&, bf16*);

}  // namespace hone
