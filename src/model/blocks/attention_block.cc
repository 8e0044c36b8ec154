#include "model/blocks/attention_block.h"

#include <algorithm>

#include "base/random.h"
#include "kernels/rmsnorm/rmsnorm.h"
#include "kernels/rope/rope.h"

namespace hone {

template <typename T>
AttentionBlock<T>::AttentionBlock(const AttentionSpec& spec, int64_t C, float eps, LinearMember q,
                                  LinearMember k, LinearMember v, LinearMember o_member,
                                  std::string norm_name, uint64_t stream)
    : qkv(C, {std::move(q), std::move(k), std::move(v)}),
      o(spec.H * spec.D, {std::move(o_member)}),
      spec_(spec),
      C_(C),
      eps_(eps),
      stream_(stream) {
    norm.name = std::move(norm_name);
    norm.tensor = spec.norm;
    options_ = {.H = spec.H,
                .KV = spec.KV,
                .D = spec.D,
                .scale = spec.scale,
                .window = spec.window,
                .soft_cap = spec.soft_cap};
}

template <typename T>
absl::Status AttentionBlock<T>::Load(const ModelFiles& files, const LoadOptions& options,
                                     const Context& context) {
    HONE_RETURN_IF_ERROR(norm.Load(files));
    HONE_RETURN_IF_ERROR(qkv.Load(files, options, context));
    return o.Load(files, options, context);
}

template <typename T>
void AttentionBlock<T>::Saved::TakeInput(Arena& arena, const AttentionBlock& block, int64_t M) {
    xhat = arena.Take<T>(M * block.C_);
    rstd = arena.Take<float>(M);
}

template <typename T>
void AttentionBlock<T>::Saved::TakeRest(Arena& arena, const AttentionBlock& block, int64_t M,
                                        int64_t min_rank_columns) {
    auto rank = [&](const LinearGroup<T>& group) {
        return std::max(group.rank_columns(), min_rank_columns);
    };
    qkv = arena.Take<T>(M * block.qkv_columns());
    h_qkv = arena.Take<T>(M * rank(block.qkv));
    attention = arena.Take<T>(M * block.o.in());
    lse = arena.Take<float>(M * block.spec_.H);
    h_o = arena.Take<T>(M * rank(block.o));
}

template <typename T>
void AttentionBlock<T>::Normalize(const Pass<T>& pass, const float* x, const Saved& saved) const {
    RmsNormForward<T>(pass.context, pass.M, C_, x, norm.weight(), eps_, saved.xhat,
                      pass.workspace.y, saved.rstd);
}

// q, k, v, rope.
template <typename T>
void AttentionBlock<T>::Project(const Pass<T>& pass, const Saved& saved) const {
    const auto& ws = pass.workspace;
    qkv.Forward(pass.context, pass.M, ws.y, saved.h_qkv, saved.qkv, qkv_columns(),
                GemmOutput::kStore, pass.training, RandomAt(pass.seed, stream_), ws.linear,
                pass.AdaptersOf(stream_));
    RopeForward<T>(pass.context, pass.M, spec_.H + spec_.KV, spec_.D, saved.qkv, qkv_columns(),
                   pass.positions.data(), pass.rope_cosine, pass.rope_sine);
}

template <typename T>
void AttentionBlock<T>::Attend(const Pass<T>& pass, const Saved& saved) const {
    Project(pass, saved);
    const int64_t k = spec_.H * spec_.D, v = k + spec_.KV * spec_.D;
    const T* fused = saved.qkv;
    AttentionForward<T>(pass.context, options_, pass.M, Part(fused, 0), Part(fused, k),
                        Part(fused, v), pass.document_starts, {saved.attention, o.in()}, saved.lse);
}

template <typename T>
void AttentionBlock<T>::Forward(const Pass<T>& pass, float* x, const Saved& saved) const {
    Normalize(pass, x, saved);
    Attend(pass, saved);
    o.Forward(pass.context, pass.M, saved.attention, saved.h_o, x, C_, GemmOutput::kAddF32,
              pass.training, RandomAt(pass.seed, stream_ + 1), pass.workspace.linear,
              pass.AdaptersOf(stream_ + 1));
}

template <typename T>
void AttentionBlock<T>::Recompute(const Pass<T>& pass, const Saved& saved) const {
    RmsNormScale<T>(pass.context, pass.M, C_, saved.xhat, norm.weight(), pass.workspace.y);
    Attend(pass, saved);
    o.Hidden(pass.context, pass.M, saved.attention, saved.h_o, pass.training,
             RandomAt(pass.seed, stream_ + 1), pass.workspace.linear);
}

// Rows of q, k, v -> the ends of the cache's heads.
template <typename T>
void AttentionBlock<T>::AppendTo(const Cache& cache, int64_t count, const T* fused) const {
    const int64_t D = spec_.D, k = spec_.H * D, v = k + spec_.KV * D;
    for (int64_t t = 0; t < count; ++t, fused += qkv_columns()) {
        for (int64_t head = 0; head < spec_.KV; ++head) {
            const int64_t at = (head * cache.capacity + cache.length + t) * D;
            std::copy_n(fused + k + head * D, D, cache.k + at);
            std::copy_n(fused + v + head * D, D, cache.v + at);
        }
    }
}

template <typename T>
void AttentionBlock<T>::ForwardCached(const Pass<T>& pass, float* x, const Saved& saved,
                                      std::span<const Cache> caches) const {
    Normalize(pass, x, saved);
    Project(pass, saved);
    std::vector<CachedSequence<T>> sequences(caches.size());
    pass.context.ParallelFor(static_cast<int64_t>(caches.size()), [&](int64_t i, int) {
        const Cache& cache = caches[i];
        const int64_t first = pass.document_starts[i], count = pass.document_starts[i + 1] - first;
        AppendTo(cache, count, saved.qkv + first * qkv_columns());
        sequences[i] = {first,   count,   cache.length + count,
                        cache.k, cache.v, cache.capacity * spec_.D};
    });
    const T* fused = saved.qkv;
    AttentionCached<T>(pass.context, options_, Part(fused, 0), sequences,
                       {saved.attention, o.in()});
    o.Forward(pass.context, pass.M, saved.attention, saved.h_o, x, C_, GemmOutput::kAddF32, false,
              0, pass.workspace.linear, pass.AdaptersOf(stream_ + 1));
}

template <typename T>
void AttentionBlock<T>::Backward(const Pass<T>& pass, float* dx, T* dx_t, const Saved& saved,
                                 ParameterSet& parameters, bool input_gradient) const {
    const auto& ws = pass.workspace;
    const Context& context = pass.context;
    const int64_t M = pass.M, k = spec_.H * spec_.D, v = k + spec_.KV * spec_.D;
    const uint64_t o_seed = RandomAt(pass.seed, stream_ + 1),
                   qkv_seed = RandomAt(pass.seed, stream_);
    o.HiddenGradient(context, M, dx_t, C_, ws.linear);
    o.ParameterGradients(context, M, saved.attention, saved.h_o, dx_t, C_, o_seed, parameters,
                         ws.linear);
    if (!input_gradient && !qkv.trainable() && norm.parameter < 0) return;
    o.InputGradient(context, M, dx_t, C_, ws.dattention, GemmOutput::kStore, o_seed, ws.linear);

    const T* fused = saved.qkv;
    const T* attention = saved.attention;
    const T* dattention = ws.dattention;
    AttentionBackward<T>(context, options_, M, Part(fused, 0), Part(fused, k), Part(fused, v),
                         pass.document_starts, {attention, o.in()}, saved.lse, {dattention, o.in()},
                         Part(ws.dqkv, 0), Part(ws.dqkv, k), Part(ws.dqkv, v));
    RopeInverse<T>(context, M, spec_.H + spec_.KV, spec_.D, ws.dqkv, qkv_columns(),
                   pass.positions.data(), pass.rope_cosine, pass.rope_sine);

    qkv.HiddenGradient(context, M, ws.dqkv, qkv_columns(), ws.linear);
    if (qkv.trainable()) {
        RmsNormScale<T>(context, M, C_, saved.xhat, norm.weight(), ws.y);
        qkv.ParameterGradients(context, M, ws.y, saved.h_qkv, ws.dqkv, qkv_columns(), qkv_seed,
                               parameters, ws.linear);
    }
    if (!input_gradient && norm.parameter < 0) return;
    qkv.InputGradient(context, M, ws.dqkv, qkv_columns(), ws.dy, GemmOutput::kStoreF32, qkv_seed,
                      ws.linear);
    RmsNormBackward<T>(context, M, C_, ws.dy, saved.xhat, norm.weight(), saved.rstd, dx, dx_t,
                       norm.gradient(parameters));
}

template class AttentionBlock<float>;
template class AttentionBlock<bf16>;

}  // namespace hone
