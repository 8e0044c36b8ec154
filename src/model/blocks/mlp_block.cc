#include "model/blocks/mlp_block.h"

#include <algorithm>

#include "base/random.h"
#include "kernels/rmsnorm/rmsnorm.h"
#include "kernels/swiglu/swiglu.h"

namespace hone {

template <typename T>
MlpBlock<T>::MlpBlock(const GatedMlpSpec& spec, int64_t C, float eps, LinearMember gate,
                      LinearMember up, LinearMember down_member, std::string norm_name,
                      uint64_t stream)
    : gate_up(C, {std::move(gate), std::move(up)}),
      down(spec.F, {std::move(down_member)}),
      C_(C),
      F_(spec.F),
      eps_(eps),
      stream_(stream) {
    norm.name = std::move(norm_name);
    norm.tensor = spec.norm;
}

template <typename T>
absl::Status MlpBlock<T>::Load(const ModelFiles& files, const LoadOptions& options,
                               const Context& context) {
    HONE_RETURN_IF_ERROR(norm.Load(files));
    HONE_RETURN_IF_ERROR(gate_up.Load(files, options, context));
    return down.Load(files, options, context);
}

template <typename T>
void MlpBlock<T>::Saved::TakeInput(Arena& arena, const MlpBlock& block, int64_t M) {
    xhat = arena.Take<T>(M * block.C_);
    rstd = arena.Take<float>(M);
}

template <typename T>
void MlpBlock<T>::Saved::TakeRest(Arena& arena, const MlpBlock& block, int64_t M,
                                  int64_t min_rank_columns, bool keep_gate_up) {
    auto rank = [&](const LinearGroup<T>& group) {
        return std::max(group.rank_columns(), min_rank_columns);
    };
    if (keep_gate_up) gate_up = arena.Take<T>(M * 2 * block.F_);
    h_gate_up = arena.Take<T>(M * rank(block.gate_up));
    h_down = arena.Take<T>(M * rank(block.down));
}

template <typename T>
void MlpBlock<T>::GateUp(const Pass<T>& pass, T* out, const Saved& saved) const {
    gate_up.Forward(pass.context, pass.M, pass.workspace.y, saved.h_gate_up, out, 2 * F_,
                    GemmOutput::kStore, pass.training, RandomAt(pass.seed, stream_),
                    pass.workspace.linear, pass.AdaptersOf(stream_));
}

template <typename T>
void MlpBlock<T>::Activate(const Pass<T>& pass, const Saved& saved) const {
    const auto& ws = pass.workspace;
    T* out = saved.gate_up != nullptr ? saved.gate_up : ws.gate_up;
    GateUp(pass, out, saved);
    SwigluForward<T>(pass.context, pass.M, F_, out, ws.act);
}

template <typename T>
void MlpBlock<T>::Forward(const Pass<T>& pass, float* x, const Saved& saved) const {
    const auto& ws = pass.workspace;
    RmsNormForward<T>(pass.context, pass.M, C_, x, norm.weight(), eps_, saved.xhat, ws.y,
                      saved.rstd);
    Activate(pass, saved);
    down.Forward(pass.context, pass.M, ws.act, saved.h_down, x, C_, GemmOutput::kAddF32,
                 pass.training, RandomAt(pass.seed, stream_ + 1), ws.linear,
                 pass.AdaptersOf(stream_ + 1));
}

template <typename T>
void MlpBlock<T>::Recompute(const Pass<T>& pass, const Saved& saved) const {
    const auto& ws = pass.workspace;
    RmsNormScale<T>(pass.context, pass.M, C_, saved.xhat, norm.weight(), ws.y);
    Activate(pass, saved);
    down.Hidden(pass.context, pass.M, ws.act, saved.h_down, pass.training,
                RandomAt(pass.seed, stream_ + 1), ws.linear);
}

template <typename T>
void MlpBlock<T>::Backward(const Pass<T>& pass, float* dx, T* dx_t, const Saved& saved,
                           ParameterSet& parameters, bool input_gradient) const {
    const auto& ws = pass.workspace;
    const Context& context = pass.context;
    const int64_t M = pass.M;
    const uint64_t gate_up_seed = RandomAt(pass.seed, stream_),
                   down_seed = RandomAt(pass.seed, stream_ + 1);
    const bool below = input_gradient || gate_up.trainable() || norm.parameter >= 0;
    const T* forward = saved.gate_up;
    if (forward == nullptr) {
        RmsNormScale<T>(context, M, C_, saved.xhat, norm.weight(), ws.y);
        GateUp(pass, ws.gate_up, saved);
        forward = ws.gate_up;
    }
    down.HiddenGradient(context, M, dx_t, C_, ws.linear);
    if (below) {
        down.InputGradient(context, M, dx_t, C_, ws.dact, GemmOutput::kStore, down_seed, ws.linear);
        SwigluBackward<T>(context, M, F_, forward, ws.dact, ws.dgate_up,
                          down.trainable() ? ws.act : nullptr);
    } else {
        SwigluForward<T>(context, M, F_, forward, ws.act);
    }
    down.ParameterGradients(context, M, ws.act, saved.h_down, dx_t, C_, down_seed, parameters,
                            ws.linear);
    if (!below) return;

    gate_up.HiddenGradient(context, M, ws.dgate_up, 2 * F_, ws.linear);
    if (gate_up.trainable()) {
        RmsNormScale<T>(context, M, C_, saved.xhat, norm.weight(), ws.y);
        gate_up.ParameterGradients(context, M, ws.y, saved.h_gate_up, ws.dgate_up, 2 * F_,
                                   gate_up_seed, parameters, ws.linear);
    }
    if (!input_gradient && norm.parameter < 0) return;
    gate_up.InputGradient(context, M, ws.dgate_up, 2 * F_, ws.dy, GemmOutput::kStoreF32,
                          gate_up_seed, ws.linear);
    RmsNormBackward<T>(context, M, C_, ws.dy, saved.xhat, norm.weight(), saved.rstd, dx, dx_t,
                       norm.gradient(parameters));
}

template class MlpBlock<float>;
template class MlpBlock<bf16>;

}  // namespace hone
