// Attention: out(attention(rope(norm(q)), rope(norm(k)), v)) of the normalised input, with the
// options of AttentionSpec. With a prefix, the keys and values of a document's first tokens are
// learned ones instead, as they stand: neither normalised nor rotated.
#pragma once

#include <functional>
#include <optional>
#include <span>

#include "kernels/attention/attention.h"
#include "kernels/rope/rope.h"
#include "model/blocks/norm.h"
#include "model/blocks/pass.h"
#include "model/config/graph.h"
#include "model/linear/linear_group.h"

namespace hone {

template <typename T>
class AttentionBlock {
  public:
    // What the forward pass saves for the backward pass, for M tokens.
    struct Saved {
        T* qkv = nullptr;             // [M, (H + 2 KV) D], normalised and rotated
        T* h_qkv = nullptr;           // [M, ranks of the input linears]
        T* attention = nullptr;       // [M, H D]
        float* lse = nullptr;         // [H, M]
        T* h_o = nullptr;             // [M, rank of o]
        NormSaved<T> q_norm, k_norm;  // [M, H D], [M, KV D], where there are such norms
        // Memory that several layers use in turn has room for the largest h.
        void Take(Arena& arena, const AttentionBlock& block, int64_t M, int64_t min_saved_columns);
    };
    // Keys and values of one sequence in this layer: [KV, capacity, D].
    struct Cache {
        T* k = nullptr;
        T* v = nullptr;
        int64_t capacity = 0;
        int64_t length = 0;  // before this pass
    };

    AttentionBlock(const ModelFiles& files, const AttentionSpec& spec, int64_t C);
    absl::Status Load(const ModelFiles& files, const LoadOptions& options, const Context& context);
    // linear(LinearGroup<T>&) and norm(Norm&) for each part, in the network's order.
    template <typename Linear, typename VisitNorm>
    void VisitParts(const Linear& linear, const VisitNorm& visit_norm) {
        linear(qkv_);
        if (q_norm_) visit_norm(*q_norm_);
        if (k_norm_) visit_norm(*k_norm_);
        linear(o_);
    }
    void Cover(BlockSizes& sizes) const;

    // The normalised input is in workspace.y; the output goes to `out`, f32 [M, C] (= or +=).
    void Forward(const Pass<T>& pass, const Saved& saved, float* out, GemmOutput output) const;
    // Recomputes what Forward saves (=) from workspace.y. Its output is left out, because the
    // backward pass does not read it.
    void Recompute(const Pass<T>& pass, const Saved& saved) const;
    // The same with caches: sequence i has the tokens [document_starts[i], document_starts[i + 1])
    // of the pass, which are appended to caches[i].
    void ForwardCached(const Pass<T>& pass, const Saved& saved, std::span<const Cache> caches,
                       float* out, GemmOutput output) const;
    // From dout [M, C] to the parameters' gradients (+=) and, if input_gradient, workspace.dy (=).
    // make_input fills workspace.y again.
    void Backward(const Pass<T>& pass, const T* dout, const Saved& saved, ParameterSet& parameters,
                  bool input_gradient, const std::function<void()>& make_input) const;

    bool trainable() const { return inner_trainable() || o_.trainable(); }
    // From now on passes have a prefix, in which this is the layer of that number of `layers`.
    void LearnPrefix(int64_t layer, int64_t layers) { prefix_ = {layer, layers}; }
    // Numbers that a token of the prefix has in one layer: its keys, then its values.
    int64_t prefix_columns() const { return 2 * spec_.KV * spec_.D; }
    int64_t qkv_columns() const { return (spec_.H + 2 * spec_.KV) * spec_.D; }
    const AttentionSpec& spec() const { return spec_; }
    // Of its last linear layer.
    const std::string& name() const { return o_.members()[0].name; }

  private:
    bool projection_trainable() const {
        return qkv_.trainable() || (q_norm_ && q_norm_->trainable()) ||
               (k_norm_ && k_norm_->trainable());
    }
    bool inner_trainable() const { return projection_trainable() || prefix_.layers > 0; }
    // From workspace.y to saved.qkv, and on to saved.attention.
    void Project(const Pass<T>& pass, const Saved& saved) const;
    void Attend(const Pass<T>& pass, const Saved& saved) const;
    void Output(const Pass<T>& pass, const Saved& saved, float* out, GemmOutput output) const;
    // From the gradient of what Project leaves to that of the linears' outputs, in workspace.dqkv.
    void ProjectBackward(const Pass<T>& pass, const Saved& saved, ParameterSet& parameters) const;
    // Puts the prefix into saved.qkv.
    void PutPrefix(const Pass<T>& pass, const Saved& saved) const;
    // Takes its gradient out of workspace.dqkv, where it becomes zero: nothing made these numbers.
    void TakePrefixGradient(const Pass<T>& pass, ParameterSet& parameters) const;
    void AppendTo(const Cache& cache, int64_t count, const T* fused) const;
    Heads<const T> Part(const T* fused, int64_t column) const {
        return {fused + column, qkv_columns()};
    }
    Heads<T> Part(T* fused, int64_t column) const { return {fused + column, qkv_columns()}; }
    // Groups of as many elements as the norm's weight has, of the queries and of the keys.
    int64_t query_groups() const { return spec_.H * spec_.D / q_norm_->size(); }
    int64_t key_groups() const { return spec_.KV * spec_.D / k_norm_->size(); }

    AttentionSpec spec_;
    AttentionOptions options_;
    int64_t C_;
    LinearGroup<T> qkv_;
    std::optional<Norm> q_norm_, k_norm_;
    LinearGroup<T> o_;
    struct {
        int64_t layer = 0, layers = 0;  // 0 layers: no prefix
    } prefix_;
};

}  // namespace hone
