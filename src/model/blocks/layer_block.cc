#include "model/blocks/layer_block.h"

#include <algorithm>

#include "kernels/reduce/reduce.h"

namespace hone {
namespace {

// A layer of one norm has no use for the MLP's.
NormSpec MlpNorm(const LayerSpec& spec) {
    NormSpec norm = spec.mlp_norm;
    if (spec.parallel) norm.kind = NormSpec::Kind::kNone;
    return norm;
}

}  // namespace

template <typename T>
LayerBlock<T>::LayerBlock(const ModelFiles& files, const LayerSpec& spec, int64_t C)
    : C_(C),
      parallel_(spec.parallel),
      attention_norm_(files, spec.attention_norm),
      attention_(files, spec.attention, C),
      attention_residual_(files, spec.attention_residual, C),
      mlp_norm_(files, MlpNorm(spec)),
      mlp_(files, spec.mlp, C),
      mlp_residual_(files, spec.mlp_residual, C) {
    HONE_CHECK(!parallel_ || (attention_residual_.plain() && mlp_residual_.plain()),
               "halves side by side go straight into the residual stream");
}

template <typename T>
absl::Status LayerBlock<T>::Load(const ModelFiles& files, const LoadOptions& options,
                                 const Context& context) {
    HONE_RETURN_IF_ERROR(attention_norm_.Load(files));
    HONE_RETURN_IF_ERROR(attention_.Load(files, options, context));
    HONE_RETURN_IF_ERROR(attention_residual_.Load(files));
    HONE_RETURN_IF_ERROR(mlp_norm_.Load(files));
    HONE_RETURN_IF_ERROR(mlp_.Load(files, options, context));
    return mlp_residual_.Load(files);
}

template <typename T>
void LayerBlock<T>::Cover(BlockSizes& sizes) const {
    sizes.parallel |= parallel_;
    attention_residual_.Cover(sizes);
    mlp_residual_.Cover(sizes);
    attention_.Cover(sizes);
    mlp_.Cover(sizes);
}

template <typename T>
void LayerBlock<T>::Saved::TakeInputs(Arena& arena, const LayerBlock& layer, int64_t M) {
    attention_norm.Take(arena, M, layer.C_);
    layer.attention_residual_.TakeSaved(arena, M, attention_post);
    if (!layer.parallel_) mlp_norm.Take(arena, M, layer.C_);
    layer.mlp_residual_.TakeSaved(arena, M, mlp_post);
}

template <typename T>
void LayerBlock<T>::Saved::TakeRest(Arena& arena, const LayerBlock& layer, int64_t M,
                                    int64_t min_saved_columns, bool keep_mlp_in) {
    attention.Take(arena, layer.attention_, M, min_saved_columns);
    mlp.Take(arena, layer.mlp_, M, min_saved_columns, keep_mlp_in);
}

template <typename T>
template <typename Half>
void LayerBlock<T>::Join(const Pass<T>& pass, const Residual<T>& residual, float* x,
                         const typename Residual<T>::Saved& saved, const Half& half) const {
    residual.Begin(pass, x, saved);
    if (residual.plain())
        half(x, GemmOutput::kAddF32);
    else
        half(pass.workspace.out, GemmOutput::kStoreF32);
    residual.Join(pass, x, saved);
}

template <typename T>
void LayerBlock<T>::ForwardMlp(const Pass<T>& pass, float* x, const Saved& saved) const {
    // Side by side, the MLP reads what attention left in workspace.y.
    if (!parallel_)
        mlp_norm_.Forward(pass.context, pass.M, C_, x, saved.mlp_norm, pass.workspace.y);
    Join(pass, mlp_residual_, x, saved.mlp_post,
         [&](float* out, GemmOutput output) { mlp_.Forward(pass, saved.mlp, out, output); });
}

template <typename T>
void LayerBlock<T>::Forward(const Pass<T>& pass, float* x, const Saved& saved) const {
    attention_norm_.Forward(pass.context, pass.M, C_, x, saved.attention_norm, pass.workspace.y);
    Join(pass, attention_residual_, x, saved.attention_post, [&](float* out, GemmOutput output) {
        attention_.Forward(pass, saved.attention, out, output);
    });
    ForwardMlp(pass, x, saved);
}

template <typename T>
void LayerBlock<T>::ForwardCached(const Pass<T>& pass, float* x, const Saved& saved,
                                  std::span<const Cache> caches) const {
    attention_norm_.Forward(pass.context, pass.M, C_, x, saved.attention_norm, pass.workspace.y);
    Join(pass, attention_residual_, x, saved.attention_post, [&](float* out, GemmOutput output) {
        attention_.ForwardCached(pass, saved.attention, caches, out, output);
    });
    ForwardMlp(pass, x, saved);
}

template <typename T>
void LayerBlock<T>::Recompute(const Pass<T>& pass, const Saved& saved) const {
    T* y = pass.workspace.y;
    attention_norm_.Scale(pass.context, pass.M, C_, saved.attention_norm, y);
    attention_.Recompute(pass, saved.attention);
    if (!parallel_) mlp_norm_.Scale(pass.context, pass.M, C_, saved.mlp_norm, y);
    mlp_.Recompute(pass, saved.mlp);
}

template <typename T>
void LayerBlock<T>::BackwardMlp(const Pass<T>& pass, float* dx, T* dx_t, const Saved& saved,
                                ParameterSet& parameters, bool input_gradient) const {
    const auto& ws = pass.workspace;
    const T* dout = mlp_residual_.Backward(pass, dx, dx_t, saved.mlp_post, parameters);
    const bool through = input_gradient || mlp_norm_.trainable();
    if (!through && !mlp_.trainable()) return;
    mlp_.Backward(pass, dout, saved.mlp, parameters, through,
                  [&] { mlp_norm_.Scale(pass.context, pass.M, C_, saved.mlp_norm, ws.y); });
    if (through)
        mlp_norm_.Backward(pass.context, pass.M, C_, ws.dy, saved.mlp_norm, dx, dx_t, parameters);
    mlp_residual_.EndBackward(pass, dx, dx_t);
}

template <typename T>
void LayerBlock<T>::BackwardAttention(const Pass<T>& pass, float* dx, T* dx_t, const Saved& saved,
                                      ParameterSet& parameters, bool input_gradient) const {
    const auto& ws = pass.workspace;
    const T* dout = attention_residual_.Backward(pass, dx, dx_t, saved.attention_post, parameters);
    const bool through = input_gradient || attention_norm_.trainable();
    if (!through && !attention_.trainable()) return;
    attention_.Backward(pass, dout, saved.attention, parameters, through, [&] {
        attention_norm_.Scale(pass.context, pass.M, C_, saved.attention_norm, ws.y);
    });
    if (through)
        attention_norm_.Backward(pass.context, pass.M, C_, ws.dy, saved.attention_norm, dx, dx_t,
                                 parameters);
    attention_residual_.EndBackward(pass, dx, dx_t);
}

template <typename T>
void LayerBlock<T>::BackwardParallel(const Pass<T>& pass, float* dx, T* dx_t, const Saved& saved,
                                     ParameterSet& parameters, bool input_gradient) const {
    const auto& ws = pass.workspace;
    const int64_t n = pass.M * C_;
    const bool through = input_gradient || attention_norm_.trainable();
    const auto make_input = [&] {
        attention_norm_.Scale(pass.context, pass.M, C_, saved.attention_norm, ws.y);
    };
    mlp_.Backward(pass, dx_t, saved.mlp, parameters, through, make_input);
    if (through) std::copy_n(ws.dy, n, ws.dy_mlp);
    attention_.Backward(pass, dx_t, saved.attention, parameters, through, make_input);
    if (!through) return;
    Add(pass.context, n, ws.dy_mlp, ws.dy);
    attention_norm_.Backward(pass.context, pass.M, C_, ws.dy, saved.attention_norm, dx, dx_t,
                             parameters);
}

template <typename T>
void LayerBlock<T>::Backward(const Pass<T>& pass, float* dx, T* dx_t, const Saved& saved,
                             ParameterSet& parameters, bool input_gradient) const {
    if (parallel_) return BackwardParallel(pass, dx, dx_t, saved, parameters, input_gradient);
    const bool below_mlp = input_gradient || attention_half_trainable();
    BackwardMlp(pass, dx, dx_t, saved, parameters, below_mlp);
    if (below_mlp) BackwardAttention(pass, dx, dx_t, saved, parameters, input_gradient);
}

template class LayerBlock<float>;
template class LayerBlock<bf16>;

}  // namespace hone
