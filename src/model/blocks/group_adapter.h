// What an adapter adds to a linear group beside whose base it is used: its low-rank deltas, packed
// for the forward products. Sequences of one batch may each go through another adapter.
#pragma once

#include <span>
#include <vector>

#include "kernels/gemm/gemm.h"
#include "model/model.h"

namespace hone {

// The rank's columns in h: an even number.
constexpr int64_t RankColumns(int64_t rank) { return (rank + 1) / 2 * 2; }

// B as products take it: [out, RankColumns(rank)], b [out, rank] times the scale.
std::vector<float> ScaledLowRank(const LowRankOptions& options, int64_t out, const float* b);

template <typename T>
class GroupAdapter {
  public:
    // deltas: one per member of the group, whose columns are `outs`; nullptr where a member has
    // none.
    GroupAdapter(int64_t in, std::span<const int64_t> outs,
                 std::span<const LowRankDelta* const> deltas);

    // Columns of h; 0: the adapter leaves this group alone.
    int64_t rank_columns() const { return rank_columns_; }
    const PackedMatrix<T>& a() const { return a_; }  // [in, rank_columns]
    std::span<const PanelExtension<T>> extension() const { return extension_; }
    size_t bytes() const;

  private:
    int64_t rank_columns_ = 0;
    PackedMatrix<T> a_;
    std::vector<PackedMatrix<T>> b_;  // per member [rank, out], with the scale in it
    std::vector<PanelExtension<T>> extension_;
};

// Rows of a pass that go through the same adapter.
template <typename T>
struct AdapterRows {
    int64_t first = 0, count = 0;
    const GroupAdapter<T>* adapter = nullptr;
    const GroupAdapter<T>* next = nullptr;  // the same rows' in the group that follows, if any
};

// For each run the product of its rows with A: h [m, h_stride], of which a run takes the first
// rank_columns (=), from x [m, in]. Returns what extends the group's product.
template <typename T>
std::vector<RowsExtension<T>> AdapterHidden(const Context& context, const T* x, int64_t in,
                                            std::span<const AdapterRows<T>> rows, T* h,
                                            int64_t h_stride);

}  // namespace hone
