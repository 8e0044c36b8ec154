#include "model/linear/frozen_weight.h"

#include <algorithm>
#include <numeric>

#include "kernels/int8/int8.h"
#include "kernels/nf4/nf4.h"
#include "model/linear/gguf_weight.h"

namespace hone {
namespace {

int64_t Total(const std::vector<int64_t>& outs) {
    return std::accumulate(outs.begin(), outs.end(), int64_t{0});
}

// As products read them, in T or, for inference, in integers of 8 or 4 bits. The weight is stored
// once, in the panels of the forward product. The panels of the backward product are made from
// these in scratch, in each pass: that takes less than a hundredth of the time of a product with
// 1,024 rows, and saves half of the memory.
template <typename T>
class NativeWeight : public FrozenWeight<T> {
  public:
    NativeWeight(int64_t in, const std::vector<int64_t>& outs, int64_t rows_at_once,
                 WeightStorage storage)
        : out_(Total(outs)),
          rows_at_once_(rows_at_once),
          storage_(storage),
          forward_(in, outs, storage == WeightStorage::kNative),
          backward_(PackedMatrix<T>::Layout(rows_at_once, {in})) {
        if (out_ % rows_at_once > 0)
            backward_rest_ = PackedMatrix<T>::Layout(out_ % rows_at_once, {in});
    }
    void SetRows(size_t, int64_t column, int64_t row, int64_t count, const float* values) override {
        forward_.SetColumns(column + row, count, values);
    }
    void Finish(const Context& context) override { forward_.Quantize(storage_, context); }

    void Forward(const Context& context, GemmArgs<T> args, const LinearScratch<T>&) const override {
        args.b = &forward_;
        Gemm(context, args);
    }
    void Backward(const Context& context, GemmArgs<T> args,
                  const LinearScratch<T>& scratch) const override {
        HONE_CHECK(rows_at_once_ == out_ || args.output == GemmOutput::kStoreF32);
        args.b_data = scratch.panels;
        const T* dy = args.a;
        for (int64_t row = 0; row < out_; row += rows_at_once_) {
            const int64_t end = std::min(out_, row + rows_at_once_);
            args.b = end - row == rows_at_once_ ? &backward_ : &backward_rest_;
            const auto& all = forward_.panels();
            const auto before = [](const Panel& panel, int64_t column) {
                return panel.column < column;
            };
            const auto first = std::lower_bound(all.begin(), all.end(), row, before),
                       last = std::lower_bound(first, all.end(), end, before);
            TransposePanels(context, forward_, static_cast<size_t>(first - all.begin()),
                            static_cast<size_t>(last - all.begin()), *args.b, scratch.panels);
            args.a = dy + row;
            Gemm(context, args);
            args.extension = {};
            args.output = GemmOutput::kAddF32;
        }
    }

    size_t bytes() const override { return forward_.bytes(); }
    int64_t panel_elements(bool backward) const override {
        return backward ? backward_.elements() : 0;
    }
    bool codes() const override { return forward_.storage() != WeightStorage::kNative; }
    std::string WhyFrozen() const override { return ""; }

  private:
    int64_t out_, rows_at_once_;
    WeightStorage storage_;
    PackedMatrix<T> forward_;        // [in, out]
    PackedMatrix<T> backward_;       // [rows_at_once, in]; a layout
    PackedMatrix<T> backward_rest_;  // [out % rows_at_once, in]; likewise
};

// bitsandbytes' 4-bit floats (kernels/nf4), unpacked in scratch for each product.
template <typename T>
class Nf4Weight : public FrozenWeight<T> {
  public:
    Nf4Weight(int64_t in, const std::vector<int64_t>& outs, bool double_quant, FourBits kind)
        : kind_(kind),
          forward_(PackedMatrix<T>::Layout(in, outs)),
          backward_(PackedMatrix<T>::Layout(Total(outs), {in})) {
        for (int64_t out : outs) members_.emplace_back(out, in, double_quant, kind);
    }
    void SetRows(size_t member, int64_t, int64_t row, int64_t count, const float* values) override {
        members_[member].SetRows(row, count, values);
    }
    void FinishMember(size_t member) override { members_[member].Finish(); }

    void Forward(const Context& context, GemmArgs<T> args,
                 const LinearScratch<T>& scratch) const override {
        Nf4ToForwardPanels<T>(context, members_, forward_, scratch.panels);
        args.b = &forward_;
        args.b_data = scratch.panels;
        Gemm(context, args);
    }
    void Backward(const Context& context, GemmArgs<T> args,
                  const LinearScratch<T>& scratch) const override {
        Nf4ToBackwardPanels<T>(context, members_, backward_, scratch.panels);
        args.b = &backward_;
        args.b_data = scratch.panels;
        Gemm(context, args);
    }

    size_t bytes() const override {
        size_t bytes = 0;
        for (const Nf4Matrix& member : members_) bytes += member.bytes();
        return bytes;
    }
    int64_t panel_elements(bool backward) const override {
        return std::max(forward_.elements(), backward ? backward_.elements() : 0);
    }
    std::string WhyFrozen() const override {
        return fmt::format(
            "is held in {}, so it cannot be trained in full: leave it out of --modules_to_save, or "
            "hold the base in bf16 (--method lora, --weights bf16)",
            FourBitsName(kind_));
    }
    bool unpacked() const override { return true; }

  private:
    FourBits kind_;
    std::vector<Nf4Matrix> members_;
    PackedMatrix<T> forward_, backward_;  // layouts: [in, out] and [out, in]
};

// 8-bit integers with a scale for each output channel (kernels/int8), which training goes through.
template <typename T>
class Int8Weight : public FrozenWeight<T> {
  public:
    Int8Weight(int64_t in, const std::vector<int64_t>& outs) : weight_(in, outs) {}
    void SetRows(size_t, int64_t column, int64_t row, int64_t count, const float* values) override {
        weight_.SetRows(column + row, count, values);
    }
    void Finish(const Context& context) override { weight_.Finish(context); }

    void Forward(const Context& context, GemmArgs<T> args,
                 const LinearScratch<T>& scratch) const override {
        Int8Forward(context, weight_, args, Memory(scratch));
    }
    void Backward(const Context& context, GemmArgs<T> args,
                  const LinearScratch<T>& scratch) const override {
        Int8Backward(context, weight_, args, Memory(scratch));
    }

    size_t bytes() const override { return weight_.bytes(); }
    int64_t panel_elements(bool backward) const override {
        return backward ? (weight_.panel_bytes() + sizeof(T) - 1) / sizeof(T) : 0;
    }
    int64_t row_codes() const override { return weight_.row_bytes(); }
    std::string WhyFrozen() const override {
        return "is held in 8 bits, so it cannot be trained in full: leave it out of "
               "--modules_to_save, or use --base_compute native";
    }

  private:
    static Int8Scratch Memory(const LinearScratch<T>& scratch) {
        return {scratch.codes, scratch.row_scales, reinterpret_cast<int8_t*>(scratch.panels)};
    }
    Int8Matrix weight_;
};

}  // namespace

template <typename T>
absl::StatusOr<std::unique_ptr<FrozenWeight<T>>> MakeFrozenWeight(
    const std::string& name, int64_t in, const std::vector<int64_t>& outs,
    const std::vector<StorageType>& stored, int64_t rows_at_once, const LoadOptions& options) {
    const int64_t out = Total(outs);
    switch (options.storage) {
        case WeightStorage::kNf4:
            HONE_CHECK(rows_at_once == out);
            return std::make_unique<Nf4Weight<T>>(in, outs, options.double_quant,
                                                  options.four_bits);
        case WeightStorage::kGgufBlocks: {
            const bool blocks = std::any_of(stored.begin(), stored.end(), [](StorageType type) {
                return StorageBlockElements(type) > 1;
            });
            if (!blocks)
                return std::make_unique<NativeWeight<T>>(in, outs, rows_at_once,
                                                         WeightStorage::kNative);
            HONE_CHECK(rows_at_once == out);
            return MakeGgufWeight<T>(in, outs, stored);
        }
        case WeightStorage::kInt8Channels:
            if (std::max(in, out + 4 * static_cast<int64_t>(outs.size())) > kInt8MaxK)
                return ModelError("{} is {} x {}: 8-bit integers take up to {}", name, out, in,
                                  kInt8MaxK);
            return std::make_unique<Int8Weight<T>>(in, outs);
        default:
            return std::make_unique<NativeWeight<T>>(in, outs, rows_at_once, options.storage);
    }
}

template absl::StatusOr<std::unique_ptr<FrozenWeight<float>>> MakeFrozenWeight(
    const std::string&, int64_t, const std::vector<int64_t>&, const std::vector<StorageType>&,
    int64_t, const LoadOptions&);
template absl::StatusOr<std::unique_ptr<FrozenWeight<bf16>>> MakeFrozenWeight(
    const std::string&, int64_t, const std::vector<int64_t>&, const std::vector<StorageType>&,
    int64_t, const LoadOptions&);

}  // namespace hone
