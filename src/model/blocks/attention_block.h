// The attention half of a decoder layer: x += o(attention(rope(q(y)), rope(k(y)), v(y))), y =
// rmsnorm(x).
#pragma once

#include "kernels/attention/attention.h"
#include "model/blocks/linear_group.h"
#include "model/blocks/norm.h"
#include "model/blocks/pass.h"
#include "model/config/graph.h"

namespace hone {

template <typename T>
class AttentionBlock {
  public:
    // What the forward pass saves for the backward pass, for M tokens.
    struct Saved {
        T* xhat = nullptr;       // [M, C]
        float* rstd = nullptr;   // [M]
        T* qkv = nullptr;        // [M, (H + 2 KV) D], rotated
        T* h_qkv = nullptr;      // [M, ranks of q, k, v]
        T* attention = nullptr;  // [M, H D]
        float* lse = nullptr;    // [H, M]
        T* h_o = nullptr;        // [M, rank of o]
        // The normalised input, from which Recompute computes the rest.
        void TakeInput(Arena& arena, const AttentionBlock& block, int64_t M);
        // The rest. Memory that several layers use in turn has room for the largest h.
        void TakeRest(Arena& arena, const AttentionBlock& block, int64_t M,
                      int64_t min_rank_columns);
    };
    // Keys and values of one sequence in this layer: [KV, capacity, D].
    struct Cache {
        T* k = nullptr;
        T* v = nullptr;
        int64_t capacity = 0;
        int64_t length = 0;  // before this pass
    };

    AttentionBlock(const AttentionSpec& spec, int64_t C, float eps, LinearMember q, LinearMember k,
                   LinearMember v, LinearMember o, std::string norm_name, uint64_t stream);
    absl::Status Load(const ModelFiles& files, const LoadOptions& options, const Context& context);

    // x f32 [M, C] +=.
    void Forward(const Pass<T>& pass, float* x, const Saved& saved) const;
    // Recomputes the rest of what Forward saves (=) from the saved input. Its output is left out,
    // because the backward pass does not read it.
    void Recompute(const Pass<T>& pass, const Saved& saved) const;
    // The same with caches: sequence i has the tokens [document_starts[i], document_starts[i + 1])
    // of the pass, which are appended to caches[i].
    void ForwardCached(const Pass<T>& pass, float* x, const Saved& saved,
                       std::span<const Cache> caches) const;
    // dx f32 [M, C]: on entry the gradient of the output, on return that of the input. dx_t is its
    // rounded copy, likewise. If input_gradient is false, nothing below is trained, and dx stays.
    void Backward(const Pass<T>& pass, float* dx, T* dx_t, const Saved& saved,
                  ParameterSet& parameters, bool input_gradient) const;

    bool trainable() const { return qkv.trainable() || o.trainable() || norm.parameter >= 0; }
    int64_t qkv_columns() const { return (spec_.H + 2 * spec_.KV) * spec_.D; }
    const AttentionSpec& spec() const { return spec_; }

    NormWeight norm;
    LinearGroup<T> qkv;
    LinearGroup<T> o;

  private:
    // What follows the norm, whose output is in workspace.y.
    void Project(const Pass<T>& pass, const Saved& saved) const;
    void Normalize(const Pass<T>& pass, const float* x, const Saved& saved) const;
    void Attend(const Pass<T>& pass, const Saved& saved) const;
    void AppendTo(const Cache& cache, int64_t count, const T* fused) const;
    Heads<const T> Part(const T* fused, int64_t column) const {
        return {fused + column, qkv_columns()};
    }
    Heads<T> Part(T* fused, int64_t column) const { return {fused + column, qkv_columns()}; }
    AttentionSpec spec_;
    AttentionOptions options_;
    int64_t C_;
    float eps_;
    uint64_t stream_;
};

}  // namespace hone
