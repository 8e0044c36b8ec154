// Model for products of type T: its blocks, its memory, and the three ways through it (train,
// evaluate, decode).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "model/blocks/attention_block.h"
#include "model/blocks/head_block.h"
#include "model/blocks/held_tensor.h"
#include "model/blocks/mlp_block.h"
#include "model/config/graph.h"
#include "model/model.h"

namespace hone {

// q, k, v; o; gate, up; down. The head's group follows those of the layers. A group's number is
// also that of its dropout stream, and its place in an adapter.
inline constexpr uint64_t kGroupsPerLayer = 4;

template <typename T>
class TypedNetwork : public Model {
  public:
    static absl::StatusOr<std::unique_ptr<Model>> Load(const ModelFiles& files,
                                                       const ModelGraph& graph,
                                                       const LoadOptions& options,
                                                       const Context& context);

    absl::Status AddLowRank(const std::string& linear, const LowRankOptions& options) override;
    absl::Status MakeTrainable(const std::string& module, bool keep_tied) override;
    void MakeAllTrainable() override;
    absl::Status FinishParameters(const Context& context) override;
    void ParametersChanged(const Context& context) override;
    double nf4_bits_per_weight() const override;
    WeightStorage storage() const override { return options_.storage; }
    MemoryPlan PlanTraining(int64_t max_tokens, bool checkpointing) const override;
    absl::Status PrepareTraining(int64_t max_tokens, bool checkpointing) override;
    absl::StatusOr<LossSums> ForwardBackward(const Context& context, const Batch& batch,
                                             float loss_scale, uint64_t seed) override;
    void UseLowRank(bool use) override;
    absl::StatusOr<LossSums> Evaluate(const Context& context, const Batch& batch,
                                      std::vector<LossSums>* per_document,
                                      const std::vector<const Adapter*>& adapters) override;
    absl::Status Logits(const Context& context, const Batch& batch, float* logits,
                        const std::vector<const Adapter*>& adapters) override;
    std::unique_ptr<KvCache> NewCache(int64_t capacity) const override;
    absl::Status Decode(const Context& context, const std::vector<std::vector<int32_t>>& tokens,
                        const std::vector<KvCache*>& caches, float* logits,
                        const std::vector<const Adapter*>& adapters) override;
    absl::StatusOr<std::shared_ptr<const Adapter>> MakeAdapter(
        const std::vector<LowRankDelta>& deltas) const override;

  private:
    struct Layer {
        AttentionBlock<T> attention;
        MlpBlock<T> mlp;
        bool trainable() const { return attention.trainable() || mlp.trainable(); }
    };
    struct LayerSaved {
        typename AttentionBlock<T>::Saved attention;
        typename MlpBlock<T>::Saved mlp;
    };
    // Everything that a pass over M tokens needs besides the weights.
    struct Memory {
        Arena arena;
        int64_t M = 0;
        bool checkpointing = false;
        Workspace<T> workspace;
        float* x = nullptr;   // [M, C] residual stream
        float* dx = nullptr;  // [M, C]
        T* dx_t = nullptr;    // [M, C]
        // One per layer that is trained through, or forward only one for all. With checkpointing
        // each has inputs of its own, and the rest is shared.
        std::vector<LayerSaved> saved;
        size_t saved_inputs_bytes = 0;
    };

    TypedNetwork(const ModelFiles& files, const ModelGraph& graph, const LoadOptions& options);
    LinearMember Member(const LinearSpec& spec, std::string name) const;
    std::string ModuleName(const std::string& tensor) const;
    void CollectLinears();
    std::vector<LinearGroup<T>*> Groups();
    std::vector<const LinearGroup<T>*> Groups() const;
    std::vector<NormWeight*> Norms();

    BlockSizes Sizes(int64_t M, bool backward) const;
    void Take(Memory& memory, int64_t M, bool backward, bool checkpointing) const;
    Memory NewMemory(int64_t M, bool backward, bool checkpointing) const;
    void Reserve(int64_t max_tokens, bool checkpointing);
    // Memory for a forward pass over M tokens: training's, when it is large enough.
    Memory& ForwardMemory(int64_t M);
    LayerSaved& SavedOf(Memory& memory, size_t layer) const;

    absl::Status Check(const std::vector<int32_t>& tokens) const;
    absl::Status ReservePositions(int64_t count);
    // Both, for all that is in the batch.
    absl::Status Admit(const Batch& batch);
    absl::Status Embed(const Context& context, const std::vector<int32_t>& tokens, float* x) const;
    // adapters: by document, or none.
    Pass<T> MakePass(const Context& context, const Batch& batch, Memory& memory,
                     const std::vector<const Adapter*>& adapters);
    void UseAdapters(Pass<T>& pass, const std::vector<const Adapter*>& adapters);
    void LayerForward(const Pass<T>& pass, size_t layer, float* x, const LayerSaved& saved) const;
    // The residual stream after all layers, in memory.x; nothing is kept for a backward pass.
    absl::Status ForwardOnly(const Pass<T>& pass, const Batch& batch, Memory& memory);
    absl::Status Append(const Context& context, const std::vector<std::vector<int32_t>>& tokens,
                        const std::vector<KvCache*>& caches, float* logits,
                        const std::vector<const Adapter*>& adapters);

    const LoadOptions options_;
    int64_t C_, V_;
    std::vector<Layer> layers_;
    HeadBlock<T> head_;
    const ModelTensor* embedding_;
    HeldTensor held_embedding_;  // while it is frozen
    std::string embedding_module_;
    int embedding_parameter_ = -1;
    bool tied_parameter_ = false;  // the head trains the embedding's parameter
    RopeScaling rope_scaling_;
    int64_t rope_positions_ = 0;
    std::vector<float> rope_cosine_, rope_sine_;
    // Index of the first layer with something to train: layers_.size() when only the head has, -1
    // with the embedding.
    int64_t lowest_ = 0;
    Memory training_, forward_;
    int64_t head_rows_ = 0;
    bool head_backward_ = false;
    Buffer adapter_h_;
};

// One for each linear group, in the order of Groups().
template <typename T>
class TypedAdapter : public Adapter {
  public:
    explicit TypedAdapter(std::vector<GroupAdapter<T>> groups) : groups_(std::move(groups)) {}
    size_t bytes() const override {
        size_t bytes = 0;
        for (const GroupAdapter<T>& group : groups_) bytes += group.bytes();
        return bytes;
    }
    int64_t max_rank_columns() const {
        int64_t columns = 0;
        for (const GroupAdapter<T>& group : groups_)
            columns = std::max(columns, group.rank_columns());
        return columns;
    }
    std::span<const GroupAdapter<T>> groups() const { return groups_; }

  private:
    std::vector<GroupAdapter<T>> groups_;
};

// The cache of one sequence: keys and values of every layer, in one piece, which then is large
// enough for huge pages.
template <typename T>
class TypedKvCache : public KvCache {
  public:
    TypedKvCache(size_t layers, int64_t capacity, int64_t KV, int64_t D)
        : layers_(layers),
          KV_(KV),
          D_(D),
          capacity_(capacity),
          data_(layers * 2 * static_cast<size_t>(KV * capacity * D) * sizeof(T)) {}
    int64_t length() const override { return length_; }
    int64_t capacity() const override { return capacity_; }
    void Truncate(int64_t length) override { length_ = std::min(length_, length); }
    void CopyFrom(const KvCache& other, int64_t length) override {
        const auto& from = static_cast<const TypedKvCache&>(other);
        HONE_CHECK(length <= from.length_ && length <= capacity_);
        for (int64_t head = 0; head < 2 * KV_ * static_cast<int64_t>(layers_); ++head)
            std::copy_n(from.data_.template as<T>() + head * from.capacity_ * D_, length * D_,
                        data_.template as<T>() + head * capacity_ * D_);
        length_ = length;
    }
    size_t bytes() const override { return data_.bytes(); }
    void Grow(int64_t count) { length_ += count; }
    typename AttentionBlock<T>::Cache layer(size_t index) {
        const int64_t size = KV_ * capacity_ * D_;
        T* keys = data_.template as<T>() + 2 * static_cast<int64_t>(index) * size;
        return {keys, keys + size, capacity_, length_};
    }

  private:
    size_t layers_;
    int64_t KV_, D_, capacity_, length_ = 0;
    Buffer data_;  // [layers, keys and values, KV, capacity, D]
};

}  // namespace hone
