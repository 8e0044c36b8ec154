#include "model/linear/group_adapter.h"

#include <algorithm>
#include <cfloat>
#include <cmath>

#include "kernels/gemm/quantized_panel.h"

namespace hone {
namespace {

// Brings the largest magnitude to [1/2, 1): the scales of codes are f16, which has no more than a
// few bits for those of a delta that is hardly trained. Returns the power of two that was divided
// out.
float Normalize(std::vector<float>& values) {
    float largest = 0;
    for (float value : values) largest = std::max(largest, std::abs(value));
    if (!(largest >= FLT_MIN) || !std::isfinite(largest)) return 1;
    int exponent;
    std::frexp(largest, &exponent);
    const float inverse = std::ldexp(1.0f, -exponent);
    for (float& value : values) value *= inverse;
    return 1 / inverse;
}

}  // namespace

std::vector<float> ScaledLowRank(const LowRankOptions& options, int64_t out, const float* b) {
    const int64_t rank = options.rank, columns = RankColumns(rank);
    std::vector<float> scaled(static_cast<size_t>(out * columns));
    for (int64_t row = 0; row < out; ++row)
        for (int64_t i = 0; i < rank; ++i)
            scaled[row * columns + i] = options.scale * b[row * rank + i];
    return scaled;
}

template <typename T>
GroupAdapter<T>::GroupAdapter(int64_t in, std::span<const int64_t> outs,
                              std::span<const LowRankDelta* const> deltas, bool codes) {
    for (const LowRankDelta* delta : deltas)
        if (delta != nullptr)
            rank_columns_ += static_cast<int32_t>(RankColumns(delta->options.rank));
    if (rank_columns_ == 0) return;
    weights_ = std::make_unique<Weights>();
    PackedMatrix<T>& packed_a = weights_->a;
    packed_a = PackedMatrix<T>(in, {rank_columns_}, /*lasting=*/!codes);
    weights_->b.reserve(deltas.size());
    int32_t column = 0, h_column = 0, h_group = 0;
    for (size_t i = 0; i < deltas.size(); column += static_cast<int32_t>(outs[i++])) {
        const int64_t rank = deltas[i] == nullptr ? 0 : deltas[i]->options.rank;
        const auto columns = static_cast<int32_t>(RankColumns(rank));
        PackedMatrix<T>& packed_b = weights_->b.emplace_back(
            std::max(columns, 2), std::vector<int64_t>{outs[i]}, /*lasting=*/!codes);
        float h_scale = 1;
        if (rank > 0) {
            std::vector<float> a(deltas[i]->a.begin(), deltas[i]->a.end()),
                b = ScaledLowRank(deltas[i]->options, outs[i], deltas[i]->b.data());
            if (codes) h_scale = Normalize(a) * Normalize(b);
            packed_a.SetColumns(h_column, rank, a.data());
            packed_b.SetColumns(0, outs[i], b.data());
        }
        if (!codes) {
            for (const Panel& panel : packed_b.panels())
                weights_->panels.push_back({packed_b.panel_data(panel), columns, h_column});
        } else if (rank > 0) {
            packed_b.Quantize(WeightStorage::kInt8, Context(1));
            layers_.push_back({packed_b.memory().data(), column, static_cast<int32_t>(outs[i]),
                               columns, h_column, h_group, h_scale});
        }
        h_column += columns;
        h_group += static_cast<int32_t>(QuantGroups(columns));
    }
    if (codes) packed_a.Quantize(WeightStorage::kInt8, Context(1));
    a_memory_ = packed_a.memory().data();
    a_bytes_ = static_cast<uint32_t>(packed_a.memory().size());
}

template <typename T>
size_t GroupAdapter<T>::bytes() const {
    if (weights_ == nullptr) return 0;
    size_t bytes = weights_->a.bytes();
    for (const PackedMatrix<T>& b : weights_->b) bytes += b.bytes();
    return bytes;
}

template <typename T>
RowsExtension<T> GroupAdapter<T>::Extension(int64_t first, int64_t count, const T* h,
                                            int64_t h_stride) const {
    if (codes())
        return {.first = first,
                .count = count,
                .a_codes = a_memory_,
                .h_columns = rank_columns_,
                .layers = layers_};
    return {
        .first = first, .count = count, .h = h, .h_stride = h_stride, .panels = weights_->panels};
}

template <typename T>
std::vector<RowsExtension<T>> AdapterExtensions(const Context& context, const T* x, int64_t in,
                                                std::span<const AdapterRows<T>> rows, T* h,
                                                int64_t h_stride) {
    std::vector<GemmArgs<T>> products;
    std::vector<RowsExtension<T>> extensions;
    extensions.reserve(rows.size());
    for (const AdapterRows<T>& run : rows) {
        T* run_h = h + run.first * h_stride;
        extensions.push_back(run.adapter->Extension(run.first, run.count, run_h, h_stride));
        if (run.next != nullptr) extensions.back().read_next = run.next->a_memory();
        if (run.adapter->codes()) continue;
        products.push_back({.m = run.count,
                            .a = x + run.first * in,
                            .a_stride = in,
                            .b = &run.adapter->a(),
                            .c = run_h,
                            .c_stride = h_stride});
    }
    Gemm(context, std::span<const GemmArgs<T>>(products));
    return extensions;
}

template class GroupAdapter<float>;
template class GroupAdapter<bf16>;
template std::vector<RowsExtension<float>> AdapterExtensions(const Context&, const float*, int64_t,
                                                             std::span<const AdapterRows<float>>,
                                                             float*, int64_t);
template std::vector<RowsExtension<bf16>> AdapterExtensions(const Context&, const bf16*, int64_t,
                                                            std::span<const AdapterRows<bf16>>,
                                                            bf16*, int64_t);

}  // namespace hone
