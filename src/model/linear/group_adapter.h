// The low-rank deltas that an adapter has for a linear group, packed for the forward products. The
// adapter is used beside the base, and each sequence of a batch may have another one.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "kernels/gemm/gemm.h"
#include "model/linear/options.h"

namespace hone {

// The rank's columns in h: an even number.
constexpr int64_t RankColumns(int64_t rank) { return (rank + 1) / 2 * 2; }

// B in the form for products: [out, RankColumns(rank)] (=), from b [out, rank] times the scale.
std::vector<float> ScaledLowRank(const LowRankOptions& options, int64_t out, const float* b);

template <typename T>
class alignas(64) GroupAdapter {
  public:
    // deltas: one for each member of the group, nullptr where a member has none. outs: the columns
    // of each member. codes: whether to quantize to 8 bits, for a group with a quantized base.
    GroupAdapter(int64_t in, std::span<const int64_t> outs,
                 std::span<const LowRankDelta* const> deltas, bool codes);

    // Columns of h; 0: the adapter leaves this group alone.
    int64_t rank_columns() const { return rank_columns_; }
    // A [in, rank_columns] as products read it.
    std::span<const uint8_t> a_memory() const { return {a_memory_, a_bytes_}; }
    size_t bytes() const;

    // If quantized, the group's product computes h itself; else it needs h = x A.
    bool codes() const { return !layers_.empty(); }
    const PackedMatrix<T>& a() const { return weights_->a; }
    // The extension of the group's product for those rows. h: of the first row, unless quantized.
    RowsExtension<T> Extension(int64_t first, int64_t count, const T* h, int64_t h_stride) const;

  private:
    struct Weights {
        PackedMatrix<T> a;
        std::vector<PackedMatrix<T>> b;  // per member [rank, out], with the scale in it
        std::vector<PanelExtension<T>> panels;
    };
    // First what a decode step reads of each adapter in each group, side by side: the CPU's caches
    // do not keep it until the next step.
    const uint8_t* a_memory_ = nullptr;
    uint32_t a_bytes_ = 0;
    int32_t rank_columns_ = 0;
    absl::InlinedVector<LayerExtension, 3> layers_;
    std::unique_ptr<Weights> weights_;
};

// Rows of a pass that go through the same adapter.
template <typename T>
struct AdapterRows {
    int64_t first = 0, count = 0;
    const GroupAdapter<T>* adapter = nullptr;
    const GroupAdapter<T>* next = nullptr;  // of the same rows in the next group, if any
};

// The extensions of the group's product with x [m, in]. Where A is not quantized, this computes
// h = x A: h [m, h_stride], the first rank_columns of each run's rows (=).
template <typename T>
std::vector<RowsExtension<T>> AdapterExtensions(const Context& context, const T* x, int64_t in,
                                                std::span<const AdapterRows<T>> rows, T* h,
                                                int64_t h_stride);

}  // namespace hone
