#include "model/model.h"

#include "model/config/arch.h"
#include "model/network/network.h"

namespace hone {

struct Model::Impl {
    std::unique_ptr<Network> network;
    int64_t num_base_parameters = 0;
};

Model::Model(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Model::~Model() = default;

absl::StatusOr<std::unique_ptr<Model>> Model::Load(const ModelFiles& files,
                                                   const LoadOptions& options,
                                                   const Context& context) {
    ModelGraph graph;
    files.arch->wire(files.config, graph);
    auto impl = std::make_unique<Impl>();
    auto load = options.compute == ComputeType::kF32 ? LoadNetworkF32 : LoadNetworkBF16;
    HONE_ASSIGN_OR_RETURN(impl->network, load(files, graph, options, context));
    for (const ModelTensor& tensor : files.tensors) impl->num_base_parameters += tensor.elements();
    return std::unique_ptr<Model>(new Model(std::move(impl)));
}

const ModelConfig& Model::config() const { return files().config; }
const ModelFiles& Model::files() const { return impl_->network->files(); }
const std::vector<LinearInfo>& Model::linears() const { return impl_->network->linears(); }
int64_t Model::num_base_parameters() const { return impl_->num_base_parameters; }

double Model::nf4_bits_per_weight() const { return impl_->network->Nf4BitsPerWeight(); }
WeightStorage Model::storage() const { return impl_->network->storage(); }

absl::Status Model::AddLowRank(const std::string& linear, const LowRankOptions& options) {
    return impl_->network->AddLowRank(linear, options);
}
absl::Status Model::MakeTrainable(const std::string& module) {
    return impl_->network->MakeTrainable(module);
}
void Model::MakeAllTrainable() { impl_->network->MakeAllTrainable(); }
absl::Status Model::FinishParameters(const Context& context) {
    return impl_->network->FinishParameters(context);
}
ParameterSet& Model::parameters() { return impl_->network->parameters(); }
void Model::ParametersChanged(const Context& context) { impl_->network->Pack(context); }

MemoryPlan Model::PlanTraining(int64_t max_tokens, bool gradient_checkpointing) const {
    return impl_->network->Plan(max_tokens, gradient_checkpointing);
}
absl::Status Model::PrepareTraining(int64_t max_tokens, bool gradient_checkpointing) {
    if (parameters().slices().empty())
        return UsageError(
            "there is nothing to train: choose --target_modules or --modules_to_save");
    impl_->network->Prepare(max_tokens, gradient_checkpointing);
    return absl::OkStatus();
}

absl::StatusOr<LossSums> Model::ForwardBackward(const Context& context, const Batch& batch,
                                                float loss_scale, uint64_t dropout_seed) {
    return impl_->network->ForwardBackward(context, batch, loss_scale, dropout_seed);
}
absl::StatusOr<LossSums> Model::Evaluate(const Context& context, const Batch& batch,
                                         std::vector<LossSums>* per_document) {
    return impl_->network->Evaluate(context, batch, per_document);
}
absl::Status Model::Logits(const Context& context, const Batch& batch, float* logits) {
    return impl_->network->Logits(context, batch, logits);
}
std::unique_ptr<KvCache> Model::NewCache(int64_t capacity) const {
    return impl_->network->NewCache(capacity);
}
absl::Status Model::Decode(const Context& context, const std::vector<std::vector<int32_t>>& tokens,
                           const std::vector<KvCache*>& caches, float* logits,
                           const std::vector<const Adapter*>& adapters) {
    return impl_->network->Decode(context, tokens, caches, logits, adapters);
}
absl::StatusOr<std::shared_ptr<const Adapter>> Model::MakeAdapter(
    const std::vector<LowRankDelta>& deltas) const {
    return impl_->network->MakeAdapter(deltas);
}

}  // namespace hone
