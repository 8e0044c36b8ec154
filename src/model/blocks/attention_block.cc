#include "model/blocks/attention_block.h"

#include <algorithm>

namespace hone {

template <typename T>
AttentionBlock<T>::AttentionBlock(const ModelFiles& files, const AttentionSpec& spec, int64_t C)
    : spec_(spec),
      C_(C),
      qkv_(C, MakeMembers(files, spec.in)),
      o_(spec.H * spec.D, {MakeMember(files, spec.out)}) {
    HONE_CHECK(qkv_.out() == qkv_columns(), "{} of {}", qkv_.out(), qkv_columns());
    o_.may_scale_input = true;
    if (spec.q_norm) q_norm_.emplace(files, *spec.q_norm);
    if (spec.k_norm) k_norm_.emplace(files, *spec.k_norm);
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
    HONE_RETURN_IF_ERROR(qkv_.Load(files, options, context));
    if (q_norm_) HONE_RETURN_IF_ERROR(q_norm_->Load(files));
    if (k_norm_) HONE_RETURN_IF_ERROR(k_norm_->Load(files));
    return o_.Load(files, options, context);
}

template <typename T>
void AttentionBlock<T>::Cover(BlockSizes& sizes) const {
    sizes.attention = std::max(sizes.attention, o_.in());
    sizes.qkv = std::max(sizes.qkv, qkv_columns());
    if (q_norm_ || k_norm_) sizes.heads = std::max(sizes.heads, spec_.H * spec_.D);
    sizes.Cover(qkv_);
    sizes.Cover(o_);
}

template <typename T>
void AttentionBlock<T>::Saved::Take(Arena& arena, const AttentionBlock& block, int64_t M,
                                    int64_t min_saved_columns) {
    auto columns = [&](const LinearGroup<T>& group) {
        return std::max(group.saved_columns(), min_saved_columns);
    };
    const AttentionSpec& spec = block.spec_;
    qkv = arena.Take<T>(M * block.qkv_columns());
    h_qkv = arena.Take<T>(M * columns(block.qkv_));
    attention = arena.Take<T>(M * block.o_.in());
    lse = arena.Take<float>(M * spec.H);
    h_o = arena.Take<T>(M * columns(block.o_));
    if (block.q_norm_)
        q_norm = {arena.Take<T>(M * spec.H * spec.D), arena.Take<float>(M * block.query_groups())};
    if (block.k_norm_)
        k_norm = {arena.Take<T>(M * spec.KV * spec.D), arena.Take<float>(M * block.key_groups())};
}

template <typename T>
void AttentionBlock<T>::Project(const Pass<T>& pass, const Saved& saved) const {
    const auto& ws = pass.workspace;
    const int64_t columns = qkv_columns();
    qkv_.Forward(pass.context, pass.M, ws.y, saved.h_qkv, saved.qkv, columns, GemmOutput::kStore,
                 pass.training, pass.SeedOf(qkv_), ws.linear, pass.AdaptersOf(qkv_));
    if (q_norm_)
        q_norm_->ForwardHeads(pass.context, pass.M, query_groups(), saved.qkv, columns,
                              saved.q_norm);
    if (k_norm_)
        k_norm_->ForwardHeads(pass.context, pass.M, key_groups(), saved.qkv + spec_.H * spec_.D,
                              columns, saved.k_norm);
    if (spec_.rotary < 0) return;
    const PassRotary& rotary = pass.rotary[static_cast<size_t>(spec_.rotary)];
    RopeForward<T>(pass.context, pass.M, {spec_.H + spec_.KV, spec_.D, rotary.dims}, saved.qkv,
                   columns, rotary.rows, rotary.cosine, rotary.sine);
}

template <typename T>
void AttentionBlock<T>::ProjectBackward(const Pass<T>& pass, const Saved& saved,
                                        ParameterSet& parameters) const {
    const auto& ws = pass.workspace;
    const int64_t columns = qkv_columns();
    if (spec_.rotary >= 0) {
        const PassRotary& rotary = pass.rotary[static_cast<size_t>(spec_.rotary)];
        RopeInverse<T>(pass.context, pass.M, {spec_.H + spec_.KV, spec_.D, rotary.dims}, ws.dqkv,
                       columns, rotary.rows, rotary.cosine, rotary.sine);
    }
    if (q_norm_)
        q_norm_->BackwardHeads(pass.context, pass.M, query_groups(), ws.dqkv, columns, saved.q_norm,
                               ws.dheads, parameters);
    if (k_norm_)
        k_norm_->BackwardHeads(pass.context, pass.M, key_groups(), ws.dqkv + spec_.H * spec_.D,
                               columns, saved.k_norm, ws.dheads, parameters);
}

template <typename T>
void AttentionBlock<T>::PutPrefix(const Pass<T>& pass, const Saved& saved) const {
    const int64_t columns = prefix_columns(), stride = prefix_.layers * columns;
    for (const int32_t row : pass.prefix.first_rows)
        for (int64_t t = 0; t < pass.prefix.count; ++t) {
            const float* from = pass.prefix.values + t * stride + prefix_.layer * columns;
            // The keys and the values of a token lie side by side here, too.
            T* to = saved.qkv + (row + t) * qkv_columns() + spec_.H * spec_.D;
            for (int64_t i = 0; i < columns; ++i) to[i] = FromFloat<T>(from[i]);
        }
}

template <typename T>
void AttentionBlock<T>::TakePrefixGradient(const Pass<T>& pass, ParameterSet& parameters) const {
    if (pass.prefix.count == 0) return;
    const int64_t columns = prefix_columns(), stride = prefix_.layers * columns;
    float* gradient = parameters.gradient(pass.prefix.parameter);
    for (const int32_t row : pass.prefix.first_rows)
        for (int64_t t = 0; t < pass.prefix.count; ++t) {
            float* to = gradient + t * stride + prefix_.layer * columns;
            T* from = pass.workspace.dqkv + (row + t) * qkv_columns() + spec_.H * spec_.D;
            for (int64_t i = 0; i < columns; ++i) to[i] += ToFloat(from[i]);
            std::fill_n(from, columns, T{});
        }
}

template <typename T>
void AttentionBlock<T>::Attend(const Pass<T>& pass, const Saved& saved) const {
    Project(pass, saved);
    PutPrefix(pass, saved);
    const int64_t k = spec_.H * spec_.D, v = k + spec_.KV * spec_.D;
    const T* fused = saved.qkv;
    AttentionForward<T>(pass.context, options_, pass.M, Part(fused, 0), Part(fused, k),
                        Part(fused, v), pass.document_starts, {saved.attention, o_.in()},
                        saved.lse);
}

template <typename T>
void AttentionBlock<T>::Output(const Pass<T>& pass, const Saved& saved, float* out,
                               GemmOutput output) const {
    o_.Forward(pass.context, pass.M, saved.attention, saved.h_o, out, C_, output, pass.training,
               pass.SeedOf(o_), pass.workspace.linear, pass.AdaptersOf(o_));
}

template <typename T>
void AttentionBlock<T>::Forward(const Pass<T>& pass, const Saved& saved, float* out,
                                GemmOutput output) const {
    Attend(pass, saved);
    Output(pass, saved, out, output);
}

template <typename T>
void AttentionBlock<T>::Recompute(const Pass<T>& pass, const Saved& saved) const {
    Attend(pass, saved);
    o_.Recompute(pass.context, pass.M, saved.attention, saved.h_o, pass.training, pass.SeedOf(o_),
                 pass.workspace.linear);
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
void AttentionBlock<T>::ForwardCached(const Pass<T>& pass, const Saved& saved,
                                      std::span<const Cache> caches, float* out,
                                      GemmOutput output) const {
    Project(pass, saved);
    PutPrefix(pass, saved);
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
                       {saved.attention, o_.in()});
    Output(pass, saved, out, output);
}

template <typename T>
void AttentionBlock<T>::Backward(const Pass<T>& pass, const T* dout, const Saved& saved,
                                 ParameterSet& parameters, bool input_gradient,
                                 const std::function<void()>& make_input) const {
    const auto& ws = pass.workspace;
    const Context& context = pass.context;
    const int64_t M = pass.M, k = spec_.H * spec_.D, v = k + spec_.KV * spec_.D;
    const uint64_t o_seed = pass.SeedOf(o_), qkv_seed = pass.SeedOf(qkv_);
    o_.HiddenGradient(context, M, saved.h_o, dout, C_, parameters, ws.linear);
    o_.ParameterGradients(context, M, saved.attention, saved.h_o, dout, C_, o_seed, parameters,
                          ws.linear);
    const bool below = input_gradient || inner_trainable();
    if (!below && !o_.scales_input()) return;
    o_.InputGradient(context, M, dout, C_, ws.dattention, GemmOutput::kStore, o_seed, ws.linear);
    if (o_.scales_input())
        o_.ScaleInputGradient(context, M, saved.attention, ws.dattention, parameters);
    if (!below) return;

    const T* fused = saved.qkv;
    const T* attention = saved.attention;
    const T* dattention = ws.dattention;
    AttentionBackward<T>(context, options_, M, Part(fused, 0), Part(fused, k), Part(fused, v),
                         pass.document_starts, {attention, o_.in()}, saved.lse,
                         {dattention, o_.in()}, Part(ws.dqkv, 0), Part(ws.dqkv, k),
                         Part(ws.dqkv, v));
    TakePrefixGradient(pass, parameters);
    if (!input_gradient && !projection_trainable()) return;
    ProjectBackward(pass, saved, parameters);

    qkv_.HiddenGradient(context, M, saved.h_qkv, ws.dqkv, qkv_columns(), parameters, ws.linear);
    if (qkv_.trainable()) {
        make_input();
        qkv_.ParameterGradients(context, M, ws.y, saved.h_qkv, ws.dqkv, qkv_columns(), qkv_seed,
                                parameters, ws.linear);
    }
    if (!input_gradient) return;
    qkv_.InputGradient(context, M, ws.dqkv, qkv_columns(), ws.dy, GemmOutput::kStoreF32, qkv_seed,
                       ws.linear);
}

template class AttentionBlock<float>;
template class AttentionBlock<bf16>;

}  // namespace hone
