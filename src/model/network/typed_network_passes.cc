// Through a network with a batch: the training step's forward and backward, and the loss alone.
#include <algorithm>
#include <mutex>

#include "base/watch.h"
#include "kernels/embedding/embedding.h"
#include "kernels/rope/rope.h"
#include "model/network/typed_network.h"

namespace hone {
namespace {

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
    const int64_t limit = files_.config.max_position_embeddings;
    if (count > limit)
        return DataError(
            "a sequence of {} tokens is longer than the {} that the model can take: shorten it or "
            "lower "
            "--max_seq_len",
            count, limit);
    if (count <= rope_positions_) return absl::OkStatus();
    int64_t positions = 1024;
    while (positions < count) positions *= 2;
    rope_positions_ = std::min(positions, limit);
    RopeTable table{.max_positions = rope_positions_,
                    .D = files_.config.head_dim,
                    .theta = files_.config.rope_theta};
    table.scaling = rope_scaling_.kind == RopeScaling::Kind::kLinear   ? RopeTable::Scaling::kLinear
                    : rope_scaling_.kind == RopeScaling::Kind::kLlama3 ? RopeTable::Scaling::kLlama3
                                                                       : RopeTable::Scaling::kNone;
    table.factor = rope_scaling_.factor;
    table.low_freq_factor = rope_scaling_.low_freq_factor;
    table.high_freq_factor = rope_scaling_.high_freq_factor;
    table.original_max_positions = rope_scaling_.original_max_position_embeddings;
    rope_cosine_.resize(static_cast<size_t>(rope_positions_ * table.D / 2));
    rope_sine_.resize(rope_cosine_.size());
    BuildRopeTable(table, rope_cosine_.data(), rope_sine_.data());
    return absl::OkStatus();
}

template <typename T>
absl::Status TypedNetwork<T>::Embed(const Context& context, const std::vector<int32_t>& tokens,
                                    float* x) const {
    const int64_t M = static_cast<int64_t>(tokens.size());
    if (embedding_parameter_ >= 0) {
        const float* table = const_cast<ParameterSet&>(parameters_).value(embedding_parameter_);
        EmbeddingForward<float>(context, M, C_, V_, tokens.data(), table, x);
        return absl::OkStatus();
    }
    std::mutex mutex;
    absl::Status failed;
    constexpr int64_t kTokens = 32;
    context.ParallelFor((M + kTokens - 1) / kTokens, [&](int64_t task, int) {
        for (int64_t i = task * kTokens; i < std::min(M, (task + 1) * kTokens); ++i) {
            float* row = x + i * C_;
            absl::Status status = held_embedding_.ReadRows(tokens[i], tokens[i] + 1, row);
            for (int64_t c = 0; c < C_; ++c) row[c] = ToFloat(FromFloat<T>(row[c]));
            if (status.ok()) continue;
            std::lock_guard lock(mutex);
            failed.Update(status);
        }
    });
    return failed;
}

template <typename T>
absl::Status TypedNetwork<T>::Admit(const Batch& batch) {
    HONE_RETURN_IF_ERROR(Check(batch.tokens));
    return ReservePositions(*std::max_element(batch.positions.begin(), batch.positions.end()) + 1);
}

template <typename T>
Pass<T> TypedNetwork<T>::MakePass(const Context& context, const Batch& batch, Memory& memory,
                                  const std::vector<const Adapter*>& adapters) {
    Pass<T> pass{.context = context,
                 .M = batch.size(),
                 .positions = batch.positions,
                 .document_starts = batch.document_starts,
                 .rope_cosine = rope_cosine_.data(),
                 .rope_sine = rope_sine_.data(),
                 .workspace = memory.workspace};
    UseAdapters(pass, adapters);
    return pass;
}

template <typename T>
void TypedNetwork<T>::LayerForward(const Pass<T>& pass, size_t layer, float* x,
                                   const LayerSaved& saved) const {
    layers_[layer].attention.Forward(pass, x, saved.attention);
    layers_[layer].mlp.Forward(pass, x, saved.mlp);
}

template <typename T>
absl::StatusOr<LossSums> TypedNetwork<T>::ForwardBackward(const Context& context,
                                                          const Batch& batch, float loss_scale,
                                                          uint64_t seed) {
    HONE_CHECK(!parameters_.slices().empty(), "nothing to train");
    if (batch.size() == 0) return LossSums{};
    HONE_RETURN_IF_ERROR(Admit(batch));
    if (batch.size() > training_.M) Reserve(batch.size(), training_.checkpointing);
    Memory& memory = training_;
    Pass<T> pass = MakePass(context, batch, memory, {});
    pass.training = true;
    pass.seed = seed;
    const int64_t M = batch.size(), layers = static_cast<int64_t>(layers_.size());
    const int64_t lowest = std::max<int64_t>(lowest_, 0);

    HONE_RETURN_IF_ERROR(Embed(context, batch.tokens, memory.x));
    // A layer's backward pass is about twice its forward pass.
    const double parts = static_cast<double>(layers + 2 * (layers - lowest) + 2);
    for (int64_t l = 0; l < layers; ++l) {
        LayerForward(pass, l, memory.x, SavedOf(memory, l));
        HONE_RETURN_IF_ERROR(ReportProgress(static_cast<double>(l + 1) / parts));
    }

    std::vector<double> losses(M);
    std::vector<uint8_t> correct(M);
    const bool below_head = lowest_ < layers;
    head_.LossAndGradient(context, batch, memory.x, loss_scale, seed, parameters_, losses.data(),
                          correct.data(), below_head ? memory.dx : nullptr, memory.dx_t);

    for (int64_t l = layers - 1; below_head && l >= lowest; --l) {
        const Layer& layer = layers_[l];
        const LayerSaved& saved = SavedOf(memory, l);
        HONE_RETURN_IF_ERROR(
            ReportProgress(static_cast<double>(layers + 2 * (layers - l)) / parts));
        if (memory.checkpointing && l != layers - 1) {
            layer.attention.Recompute(pass, saved.attention);
            layer.mlp.Recompute(pass, saved.mlp);
        }
        const bool below = l > lowest_;
        layer.mlp.Backward(pass, memory.dx, memory.dx_t, saved.mlp, parameters_,
                           below || layer.attention.trainable());
        if (below || layer.attention.trainable())
            layer.attention.Backward(pass, memory.dx, memory.dx_t, saved.attention, parameters_,
                                     below);
    }
    if (embedding_parameter_ >= 0)
        EmbeddingBackward(context, M, C_, V_, batch.tokens.data(), memory.dx,
                          parameters_.gradient(embedding_parameter_));
    return Sum(batch, 0, M, losses, correct);
}

template <typename T>
absl::Status TypedNetwork<T>::ForwardOnly(const Pass<T>& pass, const Batch& batch, Memory& memory) {
    HONE_RETURN_IF_ERROR(Embed(pass.context, batch.tokens, memory.x));
    for (size_t l = 0; l < layers_.size(); ++l) {
        LayerForward(pass, l, memory.x, SavedOf(memory, l));
        HONE_RETURN_IF_ERROR(
            ReportProgress(static_cast<double>(l + 1) / static_cast<double>(layers_.size() + 1)));
    }
    return absl::OkStatus();
}

template <typename T>
void TypedNetwork<T>::UseLowRank(bool use) {
    for (LinearGroup<T>* group : Groups()) group->UseLowRank(use);
}

template <typename T>
absl::StatusOr<LossSums> TypedNetwork<T>::Evaluate(const Context& context, const Batch& batch,
                                                   std::vector<LossSums>* per_document,
                                                   const std::vector<const Adapter*>& adapters) {
    if (batch.size() == 0) return LossSums{};
    HONE_RETURN_IF_ERROR(Admit(batch));
    Memory& memory = ForwardMemory(batch.size());
    const Pass<T> pass = MakePass(context, batch, memory, adapters);
    HONE_RETURN_IF_ERROR(ForwardOnly(pass, batch, memory));
    std::vector<double> losses(batch.size());
    std::vector<uint8_t> correct(batch.size());
    head_.Loss(pass, batch, memory.x, losses.data(), correct.data());
    if (per_document != nullptr) {
        per_document->clear();
        for (int64_t d = 0; d < batch.num_documents(); ++d)
            per_document->push_back(Sum(batch, batch.document_starts[d],
                                        batch.document_starts[d + 1], losses, correct));
    }
    return Sum(batch, 0, batch.size(), losses, correct);
}

template <typename T>
absl::Status TypedNetwork<T>::Logits(const Context& context, const Batch& batch, float* logits,
                                     const std::vector<const Adapter*>& adapters) {
    if (batch.size() == 0) return absl::OkStatus();
    HONE_RETURN_IF_ERROR(Admit(batch));
    Memory& memory = ForwardMemory(batch.size());
    const Pass<T> pass = MakePass(context, batch, memory, adapters);
    HONE_RETURN_IF_ERROR(ForwardOnly(pass, batch, memory));
    std::vector<int64_t> rows(batch.size());
    for (int64_t row = 0; row < batch.size(); ++row) rows[row] = row;
    head_.Logits(pass, memory.x, rows, logits);
    return absl::OkStatus();
}

template class TypedNetwork<float>;
template class TypedNetwork<bf16>;

}  // namespace hone
