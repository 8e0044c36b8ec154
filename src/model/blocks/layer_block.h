// A decoder layer: attention and an MLP, each behind a norm and in front of the residual stream.
#pragma once

#include "model/blocks/attention_block.h"
#include "model/blocks/mlp_block.h"
#include "model/blocks/residual.h"

namespace hone {

template <typename T>
class LayerBlock {
  public:
    // What the forward pass saves for the backward pass, for M tokens.
    struct Saved {
        NormSaved<T> attention_norm, mlp_norm;
        typename Residual<T>::Saved attention_post, mlp_post;
        typename AttentionBlock<T>::Saved attention;
        typename MlpBlock<T>::Saved mlp;
        // The normalised inputs, from which Recompute computes the rest.
        void TakeInputs(Arena& arena, const LayerBlock& layer, int64_t M);
        // The rest. Memory that several layers use in turn has room for the largest h.
        void TakeRest(Arena& arena, const LayerBlock& layer, int64_t M, int64_t min_saved_columns,
                      bool keep_mlp_in);
    };
    using Cache = typename AttentionBlock<T>::Cache;

    LayerBlock(const ModelFiles& files, const LayerSpec& spec, int64_t C);
    absl::Status Load(const ModelFiles& files, const LoadOptions& options, const Context& context);
    // linear(LinearGroup<T>&) and norm(Norm&) for each part, in the network's order.
    template <typename Linear, typename VisitNorm>
    void VisitParts(const Linear& linear, const VisitNorm& visit_norm) {
        visit_norm(attention_norm_);
        attention_.VisitParts(linear, visit_norm);
        attention_residual_.VisitParts(visit_norm);
        if (!parallel_) visit_norm(mlp_norm_);
        mlp_.VisitParts(linear, visit_norm);
        mlp_residual_.VisitParts(visit_norm);
    }
    void Cover(BlockSizes& sizes) const;

    // x f32 [M, C] +=.
    void Forward(const Pass<T>& pass, float* x, const Saved& saved) const;
    // With caches: as AttentionBlock's.
    void ForwardCached(const Pass<T>& pass, float* x, const Saved& saved,
                       std::span<const Cache> caches) const;
    // Recomputes the rest of what Forward saves (=) from the saved inputs.
    void Recompute(const Pass<T>& pass, const Saved& saved) const;
    // dx f32 [M, C]: on entry the gradient of the output, on return that of the input. dx_t is its
    // rounded copy, likewise. If input_gradient is false, nothing below is trained, and dx means
    // nothing on return.
    void Backward(const Pass<T>& pass, float* dx, T* dx_t, const Saved& saved,
                  ParameterSet& parameters, bool input_gradient) const;

    bool trainable() const { return attention_half_trainable() || mlp_half_trainable(); }
    const AttentionSpec& attention() const { return attention_.spec(); }
    Residual<T>& residual(LayerHalf half) {
        return half == LayerHalf::kAttention ? attention_residual_ : mlp_residual_;
    }
    bool parallel() const { return parallel_; }
    // What users call a linear layer in it: "model.layers.0.self_attn.o_proj".
    const std::string& name() const { return attention_.name(); }
    // As AttentionBlock's.
    void LearnPrefix(int64_t layer, int64_t layers) { attention_.LearnPrefix(layer, layers); }
    int64_t prefix_columns() const { return attention_.prefix_columns(); }

  private:
    bool attention_half_trainable() const {
        return attention_norm_.trainable() || attention_.trainable() ||
               attention_residual_.trainable();
    }
    bool mlp_half_trainable() const {
        return mlp_norm_.trainable() || mlp_.trainable() || mlp_residual_.trainable();
    }
    // Calls half(out, how to store there), and joins the output to x.
    template <typename Half>
    void Join(const Pass<T>& pass, const Residual<T>& residual, float* x,
              const typename Residual<T>::Saved& saved, const Half& half) const;
    void ForwardMlp(const Pass<T>& pass, float* x, const Saved& saved) const;
    void BackwardMlp(const Pass<T>& pass, float* dx, T* dx_t, const Saved& saved,
                     ParameterSet& parameters, bool input_gradient) const;
    void BackwardAttention(const Pass<T>& pass, float* dx, T* dx_t, const Saved& saved,
                           ParameterSet& parameters, bool input_gradient) const;
    void BackwardParallel(const Pass<T>& pass, float* dx, T* dx_t, const Saved& saved,
                          ParameterSet& parameters, bool input_gradient) const;

    int64_t C_;
    bool parallel_;
    Norm attention_norm_;
    AttentionBlock<T> attention_;
    Residual<T> attention_residual_;
    Norm mlp_norm_;
    MlpBlock<T> mlp_;
    Residual<T> mlp_residual_;
};

}  // namespace hone
