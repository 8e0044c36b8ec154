// The passes over a whole network, for one type of product.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "model/config/graph.h"
#include "model/model.h"

namespace hone {

// The same for every type: model.cc holds one.
class Network {
  public:
    virtual ~Network() = default;

    virtual absl::Status AddLowRank(const std::string& linear, const LowRankOptions& options) = 0;
    virtual absl::Status MakeTrainable(const std::string& module) = 0;
    virtual void MakeAllTrainable() = 0;
    virtual absl::Status FinishParameters(const Context& context) = 0;
    virtual void Pack(const Context& context) = 0;
    virtual double Nf4BitsPerWeight() const = 0;
    virtual WeightStorage storage() const = 0;
    virtual MemoryPlan Plan(int64_t max_tokens, bool checkpointing) const = 0;
    virtual void Prepare(int64_t max_tokens, bool checkpointing) = 0;
    virtual absl::StatusOr<LossSums> ForwardBackward(const Context& context, const Batch& batch,
                                                     float loss_scale, uint64_t seed) = 0;
    virtual absl::StatusOr<LossSums> Evaluate(const Context& context, const Batch& batch,
                                              std::vector<LossSums>* per_document) = 0;
    virtual absl::Status Logits(const Context& context, const Batch& batch, float* logits) = 0;
    virtual std::unique_ptr<KvCache> NewCache(int64_t capacity) const = 0;
    virtual absl::Status Decode(const Context& context,
                                const std::vector<std::vector<int32_t>>& tokens,
                                const std::vector<KvCache*>& caches, float* logits,
                                const std::vector<const Adapter*>& adapters) = 0;
    virtual absl::StatusOr<std::shared_ptr<const Adapter>> MakeAdapter(
        const std::vector<LowRankDelta>& deltas) = 0;

    const ModelFiles& files() const { return files_; }
    const std::vector<LinearInfo>& linears() const { return linears_; }
    ParameterSet& parameters() { return parameters_; }
    const ParameterSet& parameters() const { return parameters_; }

  protected:
    explicit Network(const ModelFiles& files) : files_(files) {}
    ModelFiles files_;
    std::vector<LinearInfo> linears_;
    ParameterSet parameters_;
};

absl::StatusOr<std::unique_ptr<Network>> LoadNetworkF32(const ModelFiles& files,
                                                        const ModelGraph& graph,
                                                        const LoadOptions& options,
                                                        const Context& context);
absl::StatusOr<std::unique_ptr<Network>> LoadNetworkBF16(const ModelFiles& files,
                                                         const ModelGraph& graph,
                                                         const LoadOptions& options,
                                                         const Context& context);

}  // namespace hone
