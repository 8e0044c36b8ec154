// Through a network with a batch: the training step's forward and backward, and the loss alone.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/random.h"
#include "base/watch.h"
#include "kernels/rope/rope.h"
#include "model/network/typed_network.h"

namespace hone {
namespace {

// Apart from the numbers of the linear groups, which dropout's seeds come from.
constexpr uint64_t kNoiseSeed = uint64_t{1} << 40;

// Adds up rows [begin, end), in their order.
LossSums Sum(const Batch& batch, int64_t begin, int64_t end, const std::vector<double>& losses,
             const std::vector<uint8_t>& correct) {
    LossSums sums;
    for (int64_t row = begin; row < end; ++row) {
        sums.loss += losses[row];
        sums.weight += batch.target_weights[row];
        sums.labelled += batch.target_weights[row] != 0;
        sums.correct += correct[row];
    }
    return sums;
}

}  // namespace

template <typename T>
absl::Status TypedNetwork<T>::Check(const std::vector<int32_t>& tokens) const {
    for (size_t i = 0; i < tokens.size(); ++i)
        if (tokens[i] < 0 || tokens[i] >= V_)
            return DataError(
                "token {} at position {} is outside the model's vocabulary of {}: the data was "
                "tokenised "
                "for another model",
                tokens[i], i, V_);
    return absl::OkStatus();
}

template <typename T>
absl::Status TypedNetwork<T>::ReservePositions(int64_t count) {
    const int64_t limit = virtual_count_ + files_.config.max_position_embeddings;
    if (count > limit)
        return DataError(
            "a sequence of {} tokens is longer than the {} that the model can take: shorten it or "
            "lower "
            "--max_seq_len",
            count - virtual_tokens(), limit - virtual_tokens());
    if (count <= rotary_positions_) return absl::OkStatus();
    int64_t positions = 1024;
    while (positions < count) positions *= 2;
    rotary_positions_ = std::min(positions, limit);
    for (Rotary& rotary : rotary_) {
        const bool two = rotary.config.scaling.kind == RopeScaling::Kind::kLongRope;
        const size_t size = static_cast<size_t>(rotary_positions_ * rotary.config.dims / 2);
        rotary.cosine.resize(two ? 2 * size : size);
        rotary.sine.resize(rotary.cosine.size());
        RopeTable table{.max_positions = rotary_positions_,
                        .D = rotary.config.dims,
                        .theta = rotary.config.theta,
                        .scaling = rotary.config.scaling};
        BuildRopeTable(table, rotary.cosine.data(), rotary.sine.data());
        table.long_sequences = true;
        if (two) BuildRopeTable(table, rotary.cosine.data() + size, rotary.sine.data() + size);
    }
    return absl::OkStatus();
}

template <typename T>
void TypedNetwork<T>::ChooseRotaryRows(const Batch& batch, const std::vector<int64_t>& lengths) {
    pass_rotary_.clear();
    for (Rotary& rotary : rotary_) {
        rotary.rows.clear();
        const RopeScaling& scaling = rotary.config.scaling;
        const auto is_long = [&](int64_t length) {
            return scaling.kind == RopeScaling::Kind::kLongRope &&
                   length > scaling.original_max_position_embeddings;
        };
        if (std::any_of(lengths.begin(), lengths.end(), is_long)) {
            rotary.rows = batch.positions;
            for (size_t d = 0; d < lengths.size(); ++d)
                if (is_long(lengths[d]))
                    for (int32_t t = batch.document_starts[d]; t < batch.document_starts[d + 1];
                         ++t)
                        rotary.rows[t] += static_cast<int32_t>(rotary_positions_);
        }
        pass_rotary_.push_back({rotary.config.dims, rotary.cosine.data(), rotary.sine.data(),
                                rotary.rows.empty() ? batch.positions.data() : rotary.rows.data()});
    }
}

template <typename T>
absl::Status TypedNetwork<T>::Embed(const Context& context, const Batch& batch, float* x) {
    return embedding_.Forward(context, batch.tokens, batch.positions, parameters_, x);
}

template <typename T>
void TypedNetwork<T>::AddNoise(const Context& context, const Batch& batch, uint64_t seed,
                               float* x) const {
    const uint64_t key = RandomAt(seed, kNoiseSeed);
    context.ParallelFor(batch.num_documents(), [&](int64_t d, int) {
        const int64_t begin = (batch.document_starts[d] + virtual_tokens()) * C_,
                      end = batch.document_starts[d + 1] * C_;
        const double bound =
            regularization_.neftune_noise_alpha / std::sqrt(static_cast<double>(end - begin));
        for (int64_t i = begin; i < end; ++i) {
            // 24 bits, centred.
            const uint64_t bits = RandomAt(key, static_cast<uint64_t>(i)) >> 40;
            const double unit = (static_cast<double>(bits) + 0.5) * 0x1p-24;
            x[i] += static_cast<float>((2 * unit - 1) * bound);
        }
    });
}

template <typename T>
const Batch& TypedNetwork<T>::Whole(const Batch& batch) {
    if (virtual_tokens() == 0) return batch;
    whole_ = WithVirtualTokens(batch, virtual_tokens(), virtual_rows_);
    return whole_;
}

template <typename T>
PassPrefix TypedNetwork<T>::Prefix() {
    if (prefix_parameter_ < 0 || virtual_tokens() == 0) return {};
    return {.count = virtual_count_,
            .first_rows = virtual_rows_,
            .parameter = prefix_parameter_,
            .values = parameters_.value(prefix_parameter_)};
}

template <typename T>
absl::Status TypedNetwork<T>::Admit(const Batch& batch) {
    HONE_RETURN_IF_ERROR(
        ReservePositions(*std::max_element(batch.positions.begin(), batch.positions.end()) + 1));
    std::vector<int64_t> lengths;
    for (int64_t d = 0; d < batch.num_documents(); ++d)
        lengths.push_back(batch.positions[batch.document_starts[d + 1] - 1] + 1);
    ChooseRotaryRows(batch, lengths);
    return absl::OkStatus();
}

template <typename T>
Pass<T> TypedNetwork<T>::MakePass(const Context& context, const Batch& batch, Memory& memory,
                                  const std::vector<const Adapter*>& adapters) {
    Pass<T> pass{.context = context,
                 .M = batch.size(),
                 .positions = batch.positions,
                 .document_starts = batch.document_starts,
                 .rotary = pass_rotary_,
                 .workspace = memory.workspace,
                 .prefix = Prefix()};
    UseAdapters(pass, adapters);
    return pass;
}

template <typename T>
template <typename Head>
absl::Status TypedNetwork<T>::Train(const Context& context, const Batch& batch, uint64_t seed,
                                    const Head& head) {
    HONE_CHECK(!parameters_.slices().empty(), "nothing to train");
    HONE_RETURN_IF_ERROR(Check(batch.tokens));
    const Batch& whole = Whole(batch);
    HONE_RETURN_IF_ERROR(Admit(whole));
    if (whole.size() > training_.M) Reserve(whole.size(), training_.checkpointing);
    Memory& memory = training_;
    Pass<T> pass = MakePass(context, whole, memory, {});
    pass.training = true;
    pass.seed = seed;
    const int64_t layers = static_cast<int64_t>(layers_.size());
    const int64_t lowest = std::max<int64_t>(lowest_, 0);

    HONE_RETURN_IF_ERROR(Embed(context, whole, memory.x));
    if (regularization_.neftune_noise_alpha > 0) AddNoise(context, whole, seed, memory.x);
    // A layer's backward pass is about twice its forward pass.
    const double parts = static_cast<double>(layers + 2 * (layers - lowest) + 2);
    for (int64_t l = 0; l < layers; ++l) {
        layers_[l].Forward(pass, memory.x, SavedOf(memory, l));
        HONE_RETURN_IF_ERROR(ReportProgress(static_cast<double>(l + 1) / parts));
    }

    const bool below_head = lowest_ < layers;
    KeepOwnRows(batch, virtual_tokens(), C_, memory.x);
    head(memory.x, below_head ? memory.dx : nullptr, memory.dx_t);
    if (below_head) {
        SpreadOwnRows(batch, virtual_tokens(), C_, memory.dx);
        SpreadOwnRows(batch, virtual_tokens(), C_, memory.dx_t);
    }

    for (int64_t l = layers - 1; below_head && l >= lowest; --l) {
        const LayerSaved& saved = SavedOf(memory, l);
        HONE_RETURN_IF_ERROR(
            ReportProgress(static_cast<double>(layers + 2 * (layers - l)) / parts));
        if (memory.checkpointing && l != layers - 1) layers_[l].Recompute(pass, saved);
        layers_[l].Backward(pass, memory.dx, memory.dx_t, saved, parameters_, l > lowest_);
    }
    if (embedding_.trainable())
        embedding_.Backward(context, whole.tokens, whole.positions, memory.dx, parameters_);
    return absl::OkStatus();
}

template <typename T>
absl::StatusOr<LossSums> TypedNetwork<T>::ForwardBackward(const Context& context,
                                                          const Batch& batch, float loss_scale,
                                                          uint64_t seed) {
    if (batch.size() == 0) return LossSums{};
    std::vector<double> losses(batch.size());
    std::vector<uint8_t> correct(batch.size());
    HONE_RETURN_IF_ERROR(Train(context, batch, seed, [&](const float* x, float* dx, T* dx_t) {
        head_.LossAndGradient(context, batch, x,
                              {.loss_scale = loss_scale,
                               .label_smoothing = regularization_.label_smoothing,
                               .seed = seed},
                              parameters_, losses.data(), correct.data(), dx, dx_t);
    }));
    return Sum(batch, 0, batch.size(), losses, correct);
}

template <typename T>
absl::StatusOr<DistilledSums> TypedNetwork<T>::DistilForwardBackward(const Context& context,
                                                                     const Batch& batch,
                                                                     const SoftTargets& targets,
                                                                     float loss_scale,
                                                                     uint64_t seed) {
    if (batch.size() == 0) return DistilledSums{};
    std::vector<double> losses(batch.size()), divergences(batch.size());
    std::vector<uint8_t> correct(batch.size());
    HONE_RETURN_IF_ERROR(Train(context, batch, seed, [&](const float* x, float* dx, T* dx_t) {
        head_.LossAndGradient(
            context, batch, x,
            {.loss_scale = loss_scale, .seed = seed, .soft = {&targets, divergences.data()}},
            parameters_, losses.data(), correct.data(), dx, dx_t);
    }));
    return DistilledSums{Sum(batch, 0, batch.size(), losses, correct),
                         std::accumulate(divergences.begin(), divergences.end(), 0.0)};
}

template <typename T>
absl::StatusOr<DistilledSums> TypedNetwork<T>::DistilEvaluate(const Context& context,
                                                              const Batch& batch,
                                                              const SoftTargets& targets) {
    if (batch.size() == 0) return DistilledSums{};
    std::vector<double> losses(batch.size()), divergences(batch.size());
    std::vector<uint8_t> correct(batch.size());
    HONE_RETURN_IF_ERROR(ForwardOnly(context, batch, {}, [&](const Pass<T>& pass, const float* x) {
        head_.Loss(pass, batch, x, losses.data(), correct.data(), {&targets, divergences.data()});
    }));
    return DistilledSums{Sum(batch, 0, batch.size(), losses, correct),
                         std::accumulate(divergences.begin(), divergences.end(), 0.0)};
}

template <typename T>
absl::Status TypedNetwork<T>::HiddenBackward(const Context& context, const Batch& batch,
                                             const float* slopes, uint64_t seed) {
    if (batch.size() == 0) return absl::OkStatus();
    return Train(context, batch, seed, [&](const float* x, float* dx, T* dx_t) {
        head_.HiddenGradient(context, x, batch.size(), slopes, parameters_, dx, dx_t);
    });
}

template <typename T>
template <typename Head>
absl::Status TypedNetwork<T>::ForwardOnly(const Context& context, const Batch& batch,
                                          const std::vector<const Adapter*>& adapters,
                                          const Head& head) {
    HONE_RETURN_IF_ERROR(Check(batch.tokens));
    const Batch& whole = Whole(batch);
    HONE_RETURN_IF_ERROR(Admit(whole));
    Memory& memory = ForwardMemory(whole.size());
    const Pass<T> pass = MakePass(context, whole, memory, adapters);
    HONE_RETURN_IF_ERROR(Embed(pass.context, whole, memory.x));
    for (size_t l = 0; l < layers_.size(); ++l) {
        layers_[l].Forward(pass, memory.x, SavedOf(memory, l));
        HONE_RETURN_IF_ERROR(
            ReportProgress(static_cast<double>(l + 1) / static_cast<double>(layers_.size() + 1)));
    }
    KeepOwnRows(batch, virtual_tokens(), C_, memory.x);
    head(pass, memory.x);
    return absl::OkStatus();
}

template <typename T>
void TypedNetwork<T>::UseLowRank(bool use) {
    use_virtual_ = use;
    embedding_.UseLowRank(use);
    for (LayerBlock<T>& layer : layers_)
        for (const LayerHalf half : {LayerHalf::kAttention, LayerHalf::kMlp})
            layer.residual(half).UseBottleneck(use);
    for (LinearGroup<T>* group : Groups()) group->UseLowRank(use);
}

template <typename T>
absl::StatusOr<LossSums> TypedNetwork<T>::Evaluate(const Context& context, const Batch& batch,
                                                   std::vector<LossSums>* per_document,
                                                   const std::vector<const Adapter*>& adapters) {
    if (batch.size() == 0) return LossSums{};
    std::vector<double> losses(batch.size());
    std::vector<uint8_t> correct(batch.size());
    HONE_RETURN_IF_ERROR(
        ForwardOnly(context, batch, adapters, [&](const Pass<T>& pass, const float* x) {
            head_.Loss(pass, batch, x, losses.data(), correct.data());
        }));
    if (per_document != nullptr) {
        per_document->clear();
        for (int64_t d = 0; d < batch.num_documents(); ++d)
            per_document->push_back(Sum(batch, batch.document_starts[d],
                                        batch.document_starts[d + 1], losses, correct));
    }
    return Sum(batch, 0, batch.size(), losses, correct);
}

template <typename T>
absl::Status TypedNetwork<T>::TokenLosses(const Context& context, const Batch& batch,
                                          double* losses) {
    if (batch.size() == 0) return absl::OkStatus();
    std::vector<uint8_t> correct(batch.size());
    return ForwardOnly(context, batch, {}, [&](const Pass<T>& pass, const float* x) {
        head_.Loss(pass, batch, x, losses, correct.data());
    });
}

template <typename T>
absl::Status TypedNetwork<T>::Logits(const Context& context, const Batch& batch, float* logits,
                                     const std::vector<const Adapter*>& adapters) {
    if (batch.size() == 0) return absl::OkStatus();
    std::vector<int64_t> rows(batch.size());
    for (int64_t row = 0; row < batch.size(); ++row) rows[row] = row;
    return ForwardOnly(context, batch, adapters, [&](const Pass<T>& pass, const float* x) {
        head_.Logits(pass, x, rows, logits);
    });
}

template <typename T>
absl::Status TypedNetwork<T>::WithLogits(
    const Context& context, const Batch& batch,
    const std::function<absl::Status(const RowLogits& logits)>& use) {
    absl::Status used;
    HONE_RETURN_IF_ERROR(ForwardOnly(context, batch, {}, [&](const Pass<T>& pass, const float* x) {
        used = use([&](const std::vector<int64_t>& rows, float* logits) {
            head_.Logits(pass, x, rows, logits);
        });
    }));
    return used;
}

template <typename T>
absl::Status TypedNetwork<T>::Hidden(const Context& context, const Batch& batch, float* hidden,
                                     const std::vector<const Adapter*>& adapters) {
    if (batch.size() == 0) return absl::OkStatus();
    return ForwardOnly(context, batch, adapters, [&](const Pass<T>&, const float* x) {
        head_.Hidden(context, x, batch.size(), hidden);
    });
}

template class TypedNetwork<float>;
template class TypedNetwork<bf16>;

}  // namespace hone
