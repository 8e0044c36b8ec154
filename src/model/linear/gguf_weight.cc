#include "model/linear/gguf_weight.h"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "kernels/gemm/row_panels.h"
#include "model/weights/dequantize.h"
#include "tensor/buffer.h"

namespace hone {
namespace {

template <typename T>
class GgufWeight : public FrozenWeight<T> {
  public:
    GgufWeight(int64_t in, const std::vector<int64_t>& outs, const std::vector<StorageType>& stored)
        : in_(in),
          forward_(PackedMatrix<T>::Layout(in, outs)),
          backward_(PackedMatrix<T>::Layout(std::accumulate(outs.begin(), outs.end(), int64_t{0}),
                                            {in})) {
        for (size_t i = 0; i < outs.size(); ++i) {
            Member member{.rows = outs[i], .row_bytes = in * static_cast<int64_t>(sizeof(T))};
            if (const int64_t elements = StorageBlockElements(stored[i]); elements > 1) {
                member.blocks = in / elements;
                member.row_bytes = member.blocks * StorageBlockBytes(stored[i]);
                member.unpack = UnpackerOf<T>(stored[i]);
            }
            member.bytes = Buffer(static_cast<size_t>(member.rows * member.row_bytes));
            members_.push_back(std::move(member));
        }
    }

    uint8_t* StoredRows(size_t member, int64_t row) override {
        return members_[member].blocks > 0 ? members_[member].row(row) : nullptr;
    }
    void SetRows(size_t member, int64_t, int64_t row, int64_t count, const float* values) override {
        HONE_CHECK(members_[member].blocks == 0, "numbers in place of blocks");
        T* out = reinterpret_cast<T*>(members_[member].row(row));
        for (int64_t i = 0; i < count * in_; ++i) out[i] = FromFloat<T>(values[i]);
    }

    void Forward(const Context& context, GemmArgs<T> args,
                 const LinearScratch<T>& scratch) const override {
        RowsToForwardPanels(context, Rows(), forward_, scratch.panels);
        args.b = &forward_;
        args.b_data = scratch.panels;
        Gemm(context, args);
    }
    void Backward(const Context& context, GemmArgs<T> args,
                  const LinearScratch<T>& scratch) const override {
        RowsToBackwardPanels(context, Rows(), backward_, scratch.panels);
        args.b = &backward_;
        args.b_data = scratch.panels;
        Gemm(context, args);
    }

    size_t bytes() const override {
        size_t bytes = 0;
        for (const Member& member : members_) bytes += member.bytes.bytes();
        return bytes;
    }
    int64_t panel_elements(bool backward) const override {
        return std::max(forward_.elements(), backward ? backward_.elements() : 0);
    }
    std::string WhyFrozen() const override {
        return "is held in the blocks of its GGUF file, so it cannot be trained in full: leave it "
               "out of --modules_to_save, or hold the base in bf16 (--method lora)";
    }
    bool unpacked() const override { return true; }

  private:
    struct Member {
        int64_t rows = 0, row_bytes = 0;
        int64_t blocks = 0;  // in a row; 0: it is held as T
        typename GgufBlockFunctions<T>::Unpack unpack = nullptr;
        Buffer bytes;  // [rows, row_bytes]
        uint8_t* row(int64_t index) { return bytes.as<uint8_t>() + index * row_bytes; }
        const uint8_t* row(int64_t index) const { return bytes.as<uint8_t>() + index * row_bytes; }
    };

    PackedRows<T> Rows() const {
        PackedRows<T> rows{.columns = in_};
        for (const Member& member : members_) rows.rows += member.rows;
        rows.read = [this](int64_t row, void*, T* out) {
            const Member* member = members_.data();
            for (; row >= member->rows; ++member) row -= member->rows;
            if (member->blocks > 0)
                member->unpack(member->blocks, member->row(row), out);
            else
                std::memcpy(out, member->row(row), static_cast<size_t>(member->row_bytes));
        };
        return rows;
    }

    int64_t in_;
    std::vector<Member> members_;         // of the group, in their order
    PackedMatrix<T> forward_, backward_;  // layouts: [in, out] and [out, in]
};

}  // namespace

template <typename T>
std::unique_ptr<FrozenWeight<T>> MakeGgufWeight(int64_t in, const std::vector<int64_t>& outs,
                                                const std::vector<StorageType>& stored) {
    return std::make_unique<GgufWeight<T>>(in, outs, stored);
}

template std::unique_ptr<FrozenWeight<float>> MakeGgufWeight(int64_t, const std::vector<int64_t>&,
                                                             const std::vector<StorageType>&);
template std::unique_ptr<FrozenWeight<bf16>> MakeGgufWeight(int64_t, const std::vector<int64_t>&,
                                                            const std::vector<StorageType>&);

}  // namespace hone
