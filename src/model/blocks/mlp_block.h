// The MLP half of a decoder layer: x += down(silu(gate(y)) * up(y)), y = rmsnorm(x).
#pragma once

#include "model/blocks/linear_group.h"
#include "model/blocks/norm.h"
#include "model/blocks/pass.h"
#include "model/config/graph.h"

namespace hone {

template <typename T>
class MlpBlock {
  public:
    // What the forward pass saves for the backward pass, for M tokens. The activation is recomputed
    // from gate_up.
    struct Saved {
        T* xhat = nullptr;       // [M, C]
        float* rstd = nullptr;   // [M]
        T* gate_up = nullptr;    // [M, 2 F]; null: the backward pass recomputes it
        T* h_gate_up = nullptr;  // [M, ranks of gate and up]
        T* h_down = nullptr;     // [M, rank of down]
        // As AttentionBlock's.
        void TakeInput(Arena& arena, const MlpBlock& block, int64_t M);
        void TakeRest(Arena& arena, const MlpBlock& block, int64_t M, int64_t min_rank_columns,
                      bool keep_gate_up);
    };

    MlpBlock(const GatedMlpSpec& spec, int64_t C, float eps, LinearMember gate, LinearMember up,
             LinearMember down, std::string norm_name, uint64_t stream);
    absl::Status Load(const ModelFiles& files, const LoadOptions& options, const Context& context);

    // As AttentionBlock's.
    void Forward(const Pass<T>& pass, float* x, const Saved& saved) const;
    void Recompute(const Pass<T>& pass, const Saved& saved) const;
    void Backward(const Pass<T>& pass, float* dx, T* dx_t, const Saved& saved,
                  ParameterSet& parameters, bool input_gradient) const;

    bool trainable() const {
        return gate_up.trainable() || down.trainable() || norm.parameter >= 0;
    }
    int64_t F() const { return F_; }

    NormWeight norm;
    LinearGroup<T> gate_up;
    LinearGroup<T> down;

  private:
    // From the norm's output, in workspace.y, to the activation, in workspace.act.
    void Activate(const Pass<T>& pass, const Saved& saved) const;
    // gate and up [M, 2 F] (=) of the normalised input in workspace.y; h_gate_up (=).
    void GateUp(const Pass<T>& pass, T* out, const Saved& saved) const;
    int64_t C_, F_;
    float eps_;
    uint64_t stream_;
};

}  // namespace hone
