#include "model/blocks/group_adapter.h"

namespace hone {

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
                              std::span<const LowRankDelta* const> deltas) {
    for (const LowRankDelta* delta : deltas)
        if (delta != nullptr) rank_columns_ += RankColumns(delta->options.rank);
    if (rank_columns_ == 0) return;
    a_ = PackedMatrix<T>(in, {rank_columns_}, /*lasting=*/true);
    b_.reserve(deltas.size());
    int64_t column = 0;
    for (size_t i = 0; i < deltas.size(); ++i) {
        const int64_t rank = deltas[i] == nullptr ? 0 : deltas[i]->options.rank;
        b_.emplace_back(std::max<int64_t>(RankColumns(rank), 2), std::vector<int64_t>{outs[i]},
                        /*lasting=*/true);
        if (rank > 0) {
            a_.SetColumns(column, rank, deltas[i]->a.data());
            b_[i].SetColumns(
                0, outs[i], ScaledLowRank(deltas[i]->options, outs[i], deltas[i]->b.data()).data());
        }
        for (const Panel& panel : b_[i].panels())
            extension_.push_back({b_[i].panel_data(panel), static_cast<int32_t>(RankColumns(rank)),
                                  static_cast<int32_t>(column)});
        column += RankColumns(rank);
    }
}

template <typename T>
size_t GroupAdapter<T>::bytes() const {
    size_t bytes = a_.bytes();
    for (const PackedMatrix<T>& b : b_) bytes += b.bytes();
    return bytes;
}

template <typename T>
std::vector<RowsExtension<T>> AdapterHidden(const Context& context, const T* x, int64_t in,
                                            std::span<const AdapterRows<T>> rows, T* h,
                                            int64_t h_stride) {
    std::vector<GemmArgs<T>> products;
    std::vector<RowsExtension<T>> extensions;
    for (const AdapterRows<T>& run : rows) {
        T* run_h = h + run.first * h_stride;
        products.push_back({.m = run.count,
                            .a = x + run.first * in,
                            .a_stride = in,
                            .b = &run.adapter->a(),
                            .c = run_h,
                            .c_stride = h_stride});
        extensions.push_back({run.first, run.count, run_h, h_stride, run.adapter->extension()});
        if (run.next != nullptr) extensions.back().read_next = run.next->a().memory();
    }
    Gemm(context, std::span<const GemmArgs<T>>(products));
    return extensions;
}

template class GroupAdapter<float>;
template class GroupAdapter<bf16>;
template std::vector<RowsExtension<float>> AdapterHidden(const Context&, const float*, int64_t,
                                                         std::span<const AdapterRows<float>>,
                                                         float*, int64_t);
template std::vector<RowsExtension<bf16>> AdapterHidden(const Context&, const bf16*, int64_t,
                                                        std::span<const AdapterRows<bf16>>, bf16*,
                                                        int64_t);

}  // namespace hone
