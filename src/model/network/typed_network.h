// Model for products of type T: its blocks, its memory, and the three ways through it (train,
// evaluate, decode).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "model/blocks/embedding_block.h"
#include "model/blocks/head_block.h"
#include "model/blocks/layer_block.h"
#include "model/config/graph.h"
#include "model/model.h"
#include "model/network/kv_cache.h"
#include "model/network/virtual_rows.h"

namespace hone {

template <typename T>
class TypedNetwork : public Model {
  public:
    static absl::StatusOr<std::unique_ptr<Model>> Load(const ModelFiles& files,
                                                       const ModelGraph& graph,
                                                       const LoadOptions& options,
                                                       const Context& context);

    absl::Status AddLowRank(const std::string& linear, const LowRankOptions& options) override;
    absl::Status AddScale(const std::string& linear, ScaledSide side) override;
    absl::Status AddBottlenecks(LayerHalf half, const BottleneckOptions& options) override;
    absl::Status AddVirtualTokens(VirtualTokens kind, int64_t count) override;
    int64_t virtual_tokens() const override { return use_virtual_ ? virtual_count_ : 0; }
    void SetFixedPair(const std::string& linear, const FixedPair& pair) override;
    FixedPair GetFixedPair(const std::string& linear) const override;
    absl::Status MakeTrainable(const std::string& module, bool keep_tied) override;
    void MakeAllTrainable() override;
    absl::Status FinishParameters(const Context& context) override;
    void ParametersChanged(const Context& context) override;
    bool DropLowRank() override;
    double bits_per_weight() const override;
    WeightStorage storage() const override { return options_.storage; }
    FourBits four_bits() const override { return options_.four_bits; }
    MemoryPlan PlanTraining(int64_t max_tokens, bool checkpointing) const override;
    absl::Status PrepareTraining(int64_t max_tokens, bool checkpointing) override;
    absl::StatusOr<LossSums> ForwardBackward(const Context& context, const Batch& batch,
                                             float loss_scale, uint64_t seed) override;
    absl::Status HiddenBackward(const Context& context, const Batch& batch, const float* slopes,
                                uint64_t seed) override;
    void Regularize(const Regularization& regularization) override;
    absl::StatusOr<DistilledSums> DistilForwardBackward(const Context& context, const Batch& batch,
                                                        const SoftTargets& targets,
                                                        float loss_scale, uint64_t seed) override;
    absl::StatusOr<DistilledSums> DistilEvaluate(const Context& context, const Batch& batch,
                                                 const SoftTargets& targets) override;
    void UseLowRank(bool use) override;
    absl::StatusOr<LossSums> Evaluate(const Context& context, const Batch& batch,
                                      std::vector<LossSums>* per_document,
                                      const std::vector<const Adapter*>& adapters) override;
    absl::Status TokenLosses(const Context& context, const Batch& batch, double* losses) override;
    absl::Status Logits(const Context& context, const Batch& batch, float* logits,
                        const std::vector<const Adapter*>& adapters) override;
    absl::Status WithLogits(
        const Context& context, const Batch& batch,
        const std::function<absl::Status(const RowLogits& logits)>& use) override;
    MemoryPlan PlanForward(int64_t max_tokens) const override;
    absl::Status Hidden(const Context& context, const Batch& batch, float* hidden,
                        const std::vector<const Adapter*>& adapters) override;
    std::unique_ptr<KvCache> NewCache(int64_t capacity) const override;
    size_t CacheBytes(int64_t capacity) const override;
    absl::Status Decode(const Context& context, const std::vector<std::vector<int32_t>>& tokens,
                        const std::vector<KvCache*>& caches, float* logits,
                        const std::vector<const Adapter*>& adapters) override;
    absl::StatusOr<std::shared_ptr<const Adapter>> MakeAdapter(
        const std::vector<LowRankDelta>& deltas) const override;

  private:
    using LayerSaved = typename LayerBlock<T>::Saved;
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
    // Every linear group and norm, in the order in which a pass meets them.
    template <typename Linear, typename VisitNorm>
    void VisitParts(const Linear& linear, const VisitNorm& visit_norm);
    std::vector<LinearGroup<T>*> Groups();
    std::vector<const LinearGroup<T>*> Groups() const;
    // HONE_CHECKs that there is one.
    LinearMember& MemberOf(const std::string& linear);
    std::vector<Norm*> Norms();
    std::vector<Bottleneck<T>*> Bottlenecks();

    BlockSizes Sizes(int64_t M, bool backward) const;
    void Take(Memory& memory, int64_t M, bool backward, bool checkpointing) const;
    Memory NewMemory(int64_t M, bool backward, bool checkpointing) const;
    void Reserve(int64_t max_tokens, bool checkpointing);
    // Memory for a forward pass over M tokens: training's, when it is large enough.
    Memory& ForwardMemory(int64_t M);
    LayerSaved& SavedOf(Memory& memory, size_t layer) const;

    absl::Status Check(const std::vector<int32_t>& tokens) const;
    absl::Status ReservePositions(int64_t count);
    // Positions for all that is in the batch.
    absl::Status Admit(const Batch& batch);
    // What goes through the layers, until the next call: the batch, or its tokens, positions and
    // documents with the virtual tokens ahead of each.
    const Batch& Whole(const Batch& batch);
    PassPrefix Prefix();
    // Which rows of the rotary tables the tokens of a batch have. lengths: how long the sequence of
    // each document is in the end, as far as is known.
    void ChooseRotaryRows(const Batch& batch, const std::vector<int64_t>& lengths);
    absl::Status Embed(const Context& context, const Batch& batch, float* x);
    // NEFTune's noise, added to embedded tokens x [M, C].
    void AddNoise(const Context& context, const Batch& batch, uint64_t seed, float* x) const;
    // adapters: by document, or none.
    Pass<T> MakePass(const Context& context, const Batch& batch, Memory& memory,
                     const std::vector<const Adapter*>& adapters);
    void UseAdapters(Pass<T>& pass, const std::vector<const Adapter*>& adapters);
    // Forward and backward. head(x, dx, dx_t) gets the residual stream x [M, C] after all layers
    // and gives its gradient: both (=), or null where nothing below the head is trained.
    template <typename Head>
    absl::Status Train(const Context& context, const Batch& batch, uint64_t seed, const Head& head);
    // Calls head(pass, x) with the residual stream x [M, C] after all layers; nothing is kept for a
    // backward pass.
    template <typename Head>
    absl::Status ForwardOnly(const Context& context, const Batch& batch,
                             const std::vector<const Adapter*>& adapters, const Head& head);
    KvCacheShape CacheShape() const;
    // Appends to the caches; logits of each sequence's last token unless null. totals: of each
    // sequence, once all that Decode was given is appended.
    absl::Status Append(const Context& context, const std::vector<std::vector<int32_t>>& tokens,
                        const std::vector<KvCache*>& caches, const std::vector<int64_t>& totals,
                        float* logits, const std::vector<const Adapter*>& adapters);

    const LoadOptions options_;
    int64_t C_, V_;
    EmbeddingBlock<T> embedding_;
    std::vector<LayerBlock<T>> layers_;
    HeadBlock<T> head_;
    bool tied_parameter_ = false;  // the head trains the embedding's parameter
    // A table of rotary positions, whose rows are those of short sequences, then, where the scaling
    // has others for them (RopeScaling::Kind::kLongRope), those of long ones.
    struct Rotary {
        RotaryConfig config;
        std::vector<float> cosine, sine;
        std::vector<int32_t> rows;  // of a batch's tokens; empty: their positions
    };
    std::vector<Rotary> rotary_;
    std::vector<PassRotary> pass_rotary_;
    int64_t virtual_count_ = 0;
    bool use_virtual_ = true;
    bool learns_prefix_ = false;  // the virtual tokens are keys and values
    int prefix_parameter_ = -1;
    Batch whole_;                        // a pass's, where there are virtual tokens
    std::vector<int32_t> virtual_rows_;  // where in the pass those of each document begin
    int64_t rotary_positions_ = 0;
    // Index of the first layer with something to train: layers_.size() when only the head has, -1
    // with the embedding.
    int64_t lowest_ = 0;
    Memory training_, forward_;
    int64_t head_rows_ = 0;
    bool head_backward_ = false;
    Buffer adapter_h_;
    Regularization regularization_;
    MagnitudeMemory<T> magnitude_memory_;
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

}  // namespace hone
