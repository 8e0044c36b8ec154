// Linear layers that read the same input, as one product: y = x W^T + bias, each with an optional
// low-rank delta (LoRA, arXiv:2106.09685) and each either frozen or trainable in full.
//
// T is the type of the products, float or bf16. Forward per member: y = W x + bias + B' (A x'),
// where x' is x after dropout and B' = scale * B. A of all members is one thin product h = x' A^T;
// B' extends the K of the large one. Where a member is of DoRA, y = u * factors + bias, with u the
// product without the bias (weight_magnitude.h). Where a member has a learned vector of IA3
// (arXiv:2205.05638) at its output, u has the bias in it and y = u * factors. Where it has one at
// its input, x is x times the vector in all of this.
//
// How the frozen weight is held, and how products go through it, is frozen_weight.h's.
#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "kernels/gemm/gemm.h"
#include "model/files/model_files.h"
#include "model/linear/frozen_weight.h"
#include "model/linear/group_adapter.h"
#include "model/linear/linear_member.h"
#include "model/linear/parameters.h"
#include "model/linear/weight_magnitude.h"
#include "tensor/buffer.h"

namespace hone {

template <typename T>
class LinearGroup {
  public:
    // rows_at_once: InputGradient works on pieces of that many rows of the weight, a multiple of
    // 64; 0: on the whole. Pieces need less scratch, and an output of f32.
    LinearGroup(int64_t in, std::vector<LinearMember> members, int64_t rows_at_once = 0);

    // Reads and packs the members' weights as the options say.
    absl::Status Load(const ModelFiles& files, const LoadOptions& options, const Context& context);

    // Among the model's groups: of its dropout's random numbers, and of its place in an adapter.
    uint64_t number = 0;
    // Whether its block takes ScaleInputGradient into account; of a group of one member.
    bool may_scale_input = false;

    std::vector<LinearMember>& members() { return members_; }
    const std::vector<LinearMember>& members() const { return members_; }
    int64_t in() const { return in_; }
    int64_t out() const { return out_; }
    // Columns of h: the members' ranks, each rounded up to even, twice where there is a fixed pair.
    int64_t rank_columns() const { return rank_columns_; }
    // Of a token, what Forward leaves for the backward pass: h, and u where outputs are scaled.
    int64_t saved_columns() const { return rank_columns_ + (scaled() ? out_ : 0); }
    // Whether outputs have factors: a member is of DoRA, or has a learned vector at its output.
    bool scaled() const { return magnitude_.has_value() || !output_scale_.empty(); }
    // Whether the input has: a learned vector.
    bool scales_input() const { return !input_scale_.empty(); }
    float dropout() const { return dropout_; }
    bool trainable() const;
    // The frozen weights, once they are loaded.
    const FrozenWeight<T>& frozen() const { return *frozen_; }
    // B's columns as packed for the backward product: dy rows must have that many readable
    // elements, zeros at the end.
    int64_t padded_out() const { return sizeof(T) == 2 ? (out_ + 1) / 2 * 2 : out_; }

    // Registers what Attach wrote into the members; then, once the set is allocated, fills in the
    // base's own values.
    void AddParameters(ParameterSet& parameters);
    absl::Status FillParameters(ParameterSet& parameters, const ModelFiles& files);
    // Packs the parameters' values for the products: the low-rank ones and learned vectors, by one
    // thread (another may pack another group), and the base's own.
    void PackLowRank(ParameterSet& parameters);
    void PackOwn(ParameterSet& parameters, const Context& context);
    // Of DoRA: the magnitudes as the base has them, once; the factors, whenever parameters changed.
    void StartMagnitudes(ParameterSet& parameters, const Context& context,
                         MagnitudeMemory<T>& memory);
    void UpdateMagnitudes(ParameterSet& parameters, const Context& context,
                          MagnitudeMemory<T>& memory);

    // Takes away what Attach wrote into the members of low-rank deltas and learned vectors, with
    // what was packed of it.
    void DropLowRank();

    // Whether Forward adds the low-rank deltas and multiplies by learned vectors.
    void UseLowRank(bool use) { uses_low_rank_ = use; }

    // y [m, out] (= or +=, as output says) from x [m, in]. h (=), saved_columns for each row, is
    // for the backward pass: h [m, rank_columns], then u [m, out] where outputs are scaled.
    // training: with dropout, whose mask depends on `seed`. adapters: of runs of rows; the base
    // then has no low-rank delta of its own.
    void Forward(const Context& context, int64_t m, const T* x, T* h, void* y, int64_t y_stride,
                 GemmOutput output, bool training, uint64_t seed, const LinearScratch<T>& scratch,
                 std::span<const AdapterRows<T>> adapters = {}) const;

    // h (=) alone, with u, as Forward makes it.
    void Recompute(const Context& context, int64_t m, const T* x, T* h, bool training,
                   uint64_t seed, const LinearScratch<T>& scratch) const;

    // The gradient of h, into scratch.dh, from dy [m, out]. Where outputs are scaled, also that of
    // u, into scratch.scaled, and those of the factors (+=), from the h of the forward pass. Before
    // the two below.
    void HiddenGradient(const Context& context, int64_t m, const T* h, const T* dy,
                        int64_t dy_stride, ParameterSet& parameters,
                        const LinearScratch<T>& scratch) const;
    // dx [m, in] = : float* for kStoreF32, T* for kStore.
    void InputGradient(const Context& context, int64_t m, const T* dy, int64_t dy_stride, void* dx,
                       GemmOutput output, uint64_t seed, const LinearScratch<T>& scratch) const;
    // After InputGradient, where scales_input(): the gradient of the scaled input in dx [m, in]
    // becomes that of x, the input of the forward pass, and the vector gets its gradient (+=).
    void ScaleInputGradient(const Context& context, int64_t m, const T* x, T* dx,
                            ParameterSet& parameters) const;
    // The other parameters' gradients (+=), from x and h of the forward pass. With dropout, the
    // dropped x is recomputed from `seed`.
    void ParameterGradients(const Context& context, int64_t m, const T* x, const T* h, const T* dy,
                            int64_t dy_stride, uint64_t seed, ParameterSet& parameters,
                            const LinearScratch<T>& scratch) const;

  private:
    // Reads the member's weight a piece at a time: set(row, count, values) may run at the same time
    // for different rows.
    absl::Status ReadWeight(
        const ModelFiles& files, const LinearMember& member, const Context& context,
        const std::function<void(int64_t row, int64_t count, const float* values)>& set) const;
    // Fills the member's rows of the frozen weight.
    absl::Status LoadMember(const ModelFiles& files, size_t index, const Context& context);
    void PackLowRankCodes(ParameterSet& parameters);
    void PackScales(ParameterSet& parameters);
    // scratch.scaled (=) and the factors' gradients (+=), of outputs that are scaled.
    void ScaleOutputGradient(const Context& context, int64_t m, const T* u, const T* dy,
                             int64_t dy_stride, ParameterSet& parameters,
                             const LinearScratch<T>& scratch) const;
    // y [m, in] (=) = x [m, in] times the input's factors.
    void ScaleInput(const Context& context, int64_t m, const T* x, T* y) const;
    // [out], of outputs that are scaled: y = u * factors + bias.
    const float* factors() const {
        return magnitude_ ? magnitude_->factors() : output_scale_.data();
    }
    // h [m, rank_columns] (=).
    void Hidden(const Context& context, int64_t m, const T* x, T* h, bool training, uint64_t seed,
                const LinearScratch<T>& scratch) const;
    // args.c = the product of args.a with the low-rank delta, or the adapters' ones, in it.
    void Product(const Context& context, GemmArgs<T> args, T* h, bool training, uint64_t seed,
                 const LinearScratch<T>& scratch, std::span<const AdapterRows<T>> adapters) const;
    // u (=), of `m` rows; returns it, behind h.
    const T* ProductToScale(const Context& context, int64_t m, const T* x, T* h, bool training,
                            uint64_t seed, const LinearScratch<T>& scratch) const;
    // The gradient of the product, its rows and their stride: dy, or where outputs are scaled what
    // HiddenGradient left in scratch.scaled.
    std::pair<const T*, int64_t> ProductGradient(const T* dy, int64_t dy_stride,
                                                 const LinearScratch<T>& scratch) const {
        if (!scaled()) return {dy, dy_stride};
        return {scratch.scaled, padded_out()};
    }
    bool codes() const { return frozen_->codes(); }
    int64_t in_, out_ = 0;
    std::vector<LinearMember> members_;
    int64_t rank_columns_ = 0;
    float dropout_ = 0;
    std::vector<float> bias_;  // [out], empty without biases
    int64_t rows_at_once_ = 0;
    std::unique_ptr<FrozenWeight<T>> frozen_;
    bool uses_low_rank_ = true;
    // Low-rank parts. Beside a quantized base they have the form of an adapter of their own.
    std::optional<GroupAdapter<T>> codes_low_rank_;
    std::optional<WeightMagnitude<T>> magnitude_;
    std::vector<float> output_scale_, input_scale_;  // learned vectors [out], [in]; empty: none
    PackedMatrix<T> a_;                              // [in, rank_columns]
    PackedMatrix<T> a_backward_;                     // [rank_columns, in]
    std::vector<PackedMatrix<T>> b_;                 // per member [rank, out], with the scale in it
    std::vector<PackedMatrix<T>> b_backward_;        // per member [out, rank]
    std::vector<PanelExtension<T>> forward_extension_, backward_extension_;
};

}  // namespace hone
