// The frozen weights of a linear group, in one of the forms that they can be held in. A form knows
// how it is filled, how products go through it forward and backward, and what it takes.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "kernels/gemm/gemm.h"
#include "model/linear/options.h"
#include "model/weights/weights.h"

namespace hone {

// Scratch of the passes, shared by all groups; sized by the largest of them.
template <typename T>
struct LinearScratch {
    T* dropped = nullptr;         // [M, in] the input after dropout
    T* dh = nullptr;              // [M, rank columns]
    float* dx = nullptr;          // [M, in], only with dropout
    T* scaled = nullptr;          // [M, padded out] gradients times the factors of the outputs
    T* scaled_in = nullptr;       // [M, in] inputs times their factors
    T* panels = nullptr;          // a group's weight, unpacked or transposed (panel_elements)
    uint8_t* codes = nullptr;     // [M, row_codes], where products are in 8-bit integers
    float* row_scales = nullptr;  // [M], likewise
    // [M, adapter_columns] of adapters beside the base.
    T* adapter_h = nullptr;
    int64_t adapter_columns = 0;
};

template <typename T>
class FrozenWeight {
  public:
    virtual ~FrozenWeight() = default;

    // Rows [row, row + count) of a member's weight [out, in]; `column` is the member's first column
    // in the group's output. Different rows of one member may be set at the same time; one member
    // comes after another.
    virtual void SetRows(size_t member, int64_t column, int64_t row, int64_t count,
                         const float* values) = 0;
    // Where the rows of a member go from `row` on, side by side as their file holds them, in place
    // of SetRows; nullptr: they go through SetRows.
    virtual uint8_t* StoredRows(size_t member, int64_t row) { return nullptr; }
    // Once all rows of the member are set; once those of all members are.
    virtual void FinishMember(size_t member) {}
    virtual void Finish(const Context& context) {}

    // args.c = or += args.a [m, in] W^T, with the bias and the extensions of args.
    virtual void Forward(const Context& context, GemmArgs<T> args,
                         const LinearScratch<T>& scratch) const = 0;
    // args.c = args.a [m, out] W, with the extension of args.
    virtual void Backward(const Context& context, GemmArgs<T> args,
                          const LinearScratch<T>& scratch) const = 0;

    virtual size_t bytes() const = 0;
    // Elements of LinearScratch::panels that the passes need.
    virtual int64_t panel_elements(bool backward) const = 0;
    // Bytes of a quantized row of activations in LinearScratch::codes; 0 where it is not quantized.
    virtual int64_t row_codes() const { return 0; }
    // Whether the products are those of kernels/gemm/quantized_gemm.h: they make h of a low-rank
    // delta themselves, and nothing is trained through them.
    virtual bool codes() const { return false; }
    // Why the weights themselves cannot be trained, and what to do: the end of a sentence about
    // the module; empty: they can, and SetRows takes new ones at any time.
    virtual std::string WhyFrozen() const = 0;
    // Whether each product first unpacks it.
    virtual bool unpacked() const { return false; }
};

// Memory for weights [outs, in] as the options say, of a group of that name. rows_at_once: backward
// products work on so many rows of the weight at a time. stored: how the file holds each member, in
// blocks whose rows are those of the member; kF32 where it does not. An error (kind kModel) names
// what the form cannot hold.
template <typename T>
absl::StatusOr<std::unique_ptr<FrozenWeight<T>>> MakeFrozenWeight(
    const std::string& name, int64_t in, const std::vector<int64_t>& outs,
    const std::vector<StorageType>& stored, int64_t rows_at_once, const LoadOptions& options);

}  // namespace hone
