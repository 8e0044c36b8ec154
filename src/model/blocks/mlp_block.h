// The MLP: out(activation(in)) of the normalised input, gated or not.
#pragma once

#include <functional>

#include "kernels/activation/activation.h"
#include "model/blocks/pass.h"
#include "model/config/graph.h"
#include "model/linear/linear_group.h"

namespace hone {

template <typename T>
class MlpBlock {
  public:
    // What the forward pass saves for the backward pass, for M tokens. The activation is recomputed
    // from its input.
    struct Saved {
        T* in = nullptr;     // [M, the input linears' outputs]; null: the backward pass recomputes
        T* h_in = nullptr;   // [M, ranks of the input linears]
        T* h_out = nullptr;  // [M, rank of the output linear]
        // As AttentionBlock's.
        void Take(Arena& arena, const MlpBlock& block, int64_t M, int64_t min_saved_columns,
                  bool keep_in);
    };

    MlpBlock(const ModelFiles& files, const MlpSpec& spec, int64_t C);
    absl::Status Load(const ModelFiles& files, const LoadOptions& options, const Context& context);
    // As AttentionBlock's.
    template <typename Linear, typename VisitNorm>
    void VisitParts(const Linear& linear, const VisitNorm&) {
        linear(in_);
        linear(out_);
    }
    void Cover(BlockSizes& sizes) const;
    void Forward(const Pass<T>& pass, const Saved& saved, float* out, GemmOutput output) const;
    void Recompute(const Pass<T>& pass, const Saved& saved) const;
    void Backward(const Pass<T>& pass, const T* dout, const Saved& saved, ParameterSet& parameters,
                  bool input_gradient, const std::function<void()>& make_input) const;

    bool trainable() const { return in_.trainable() || out_.trainable(); }

  private:
    // From workspace.y to the activation, in workspace.act.
    void Activate(const Pass<T>& pass, const Saved& saved) const;
    // The input linears' outputs (=) of the normalised input in workspace.y; h_in (=).
    void Project(const Pass<T>& pass, T* out, const Saved& saved) const;

    ActivationOptions activation_;
    int64_t C_, F_;
    LinearGroup<T> in_;
    LinearGroup<T> out_;
};

}  // namespace hone
