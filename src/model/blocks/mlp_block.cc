#include "model/blocks/mlp_block.h"

#include <algorithm>

namespace hone {

template <typename T>
MlpBlock<T>::MlpBlock(const ModelFiles& files, const MlpSpec& spec, int64_t C)
    : activation_(spec.activation),
      C_(C),
      F_(spec.F),
      in_(C, MakeMembers(files, spec.in)),
      out_(spec.F, {MakeMember(files, spec.out)}) {
    out_.may_scale_input = true;
    HONE_CHECK(in_.out() == activation_.columns(F_), "{} for an MLP of {}", in_.out(), F_);
}

template <typename T>
absl::Status MlpBlock<T>::Load(const ModelFiles& files, const LoadOptions& options,
                               const Context& context) {
    HONE_RETURN_IF_ERROR(in_.Load(files, options, context));
    return out_.Load(files, options, context);
}

template <typename T>
void MlpBlock<T>::Cover(BlockSizes& sizes) const {
    sizes.F = std::max(sizes.F, F_);
    sizes.mlp_in = std::max(sizes.mlp_in, in_.out());
    sizes.Cover(in_);
    sizes.Cover(out_);
}

template <typename T>
void MlpBlock<T>::Saved::Take(Arena& arena, const MlpBlock& block, int64_t M,
                              int64_t min_saved_columns, bool keep_in) {
    auto columns = [&](const LinearGroup<T>& group) {
        return std::max(group.saved_columns(), min_saved_columns);
    };
    if (keep_in) in = arena.Take<T>(M * block.in_.out());
    h_in = arena.Take<T>(M * columns(block.in_));
    h_out = arena.Take<T>(M * columns(block.out_));
}

template <typename T>
void MlpBlock<T>::Project(const Pass<T>& pass, T* out, const Saved& saved) const {
    in_.Forward(pass.context, pass.M, pass.workspace.y, saved.h_in, out, in_.out(),
                GemmOutput::kStore, pass.training, pass.SeedOf(in_), pass.workspace.linear,
                pass.AdaptersOf(in_));
}

template <typename T>
void MlpBlock<T>::Activate(const Pass<T>& pass, const Saved& saved) const {
    const auto& ws = pass.workspace;
    T* out = saved.in != nullptr ? saved.in : ws.mlp_in;
    Project(pass, out, saved);
    ActivationForward<T>(pass.context, activation_, pass.M, F_, out, ws.act);
}

template <typename T>
void MlpBlock<T>::Forward(const Pass<T>& pass, const Saved& saved, float* out,
                          GemmOutput output) const {
    const auto& ws = pass.workspace;
    Activate(pass, saved);
    out_.Forward(pass.context, pass.M, ws.act, saved.h_out, out, C_, output, pass.training,
                 pass.SeedOf(out_), ws.linear, pass.AdaptersOf(out_));
}

template <typename T>
void MlpBlock<T>::Recompute(const Pass<T>& pass, const Saved& saved) const {
    const auto& ws = pass.workspace;
    Activate(pass, saved);
    out_.Recompute(pass.context, pass.M, ws.act, saved.h_out, pass.training, pass.SeedOf(out_),
                   ws.linear);
}

template <typename T>
void MlpBlock<T>::Backward(const Pass<T>& pass, const T* dout, const Saved& saved,
                           ParameterSet& parameters, bool input_gradient,
                           const std::function<void()>& make_input) const {
    const auto& ws = pass.workspace;
    const Context& context = pass.context;
    const int64_t M = pass.M;
    const uint64_t in_seed = pass.SeedOf(in_), out_seed = pass.SeedOf(out_);
    const bool below = input_gradient || in_.trainable();
    const T* forward = saved.in;
    if (forward == nullptr) {
        make_input();
        Project(pass, ws.mlp_in, saved);
        forward = ws.mlp_in;
    }
    out_.HiddenGradient(context, M, saved.h_out, dout, C_, parameters, ws.linear);
    // The activation's output comes with its gradient, unless that needs it first.
    const bool act_first = !below || out_.scales_input();
    if (act_first) ActivationForward<T>(context, activation_, M, F_, forward, ws.act);
    if (below || out_.scales_input())
        out_.InputGradient(context, M, dout, C_, ws.dact, GemmOutput::kStore, out_seed, ws.linear);
    if (out_.scales_input()) out_.ScaleInputGradient(context, M, ws.act, ws.dact, parameters);
    if (below)
        ActivationBackward<T>(context, activation_, M, F_, forward, ws.dact, ws.dmlp_in,
                              out_.trainable() && !act_first ? ws.act : nullptr);
    out_.ParameterGradients(context, M, ws.act, saved.h_out, dout, C_, out_seed, parameters,
                            ws.linear);
    if (!below) return;

    in_.HiddenGradient(context, M, saved.h_in, ws.dmlp_in, in_.out(), parameters, ws.linear);
    if (in_.trainable()) {
        make_input();
        in_.ParameterGradients(context, M, ws.y, saved.h_in, ws.dmlp_in, in_.out(), in_seed,
                               parameters, ws.linear);
    }
    if (!input_gradient) return;
    in_.InputGradient(context, M, ws.dmlp_in, in_.out(), ws.dy, GemmOutput::kStoreF32, in_seed,
                      ws.linear);
}

template class MlpBlock<float>;
template class MlpBlock<bf16>;

}  // namespace hone
