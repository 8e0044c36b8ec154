// Making a network: blocks from the graph, weights from the files, parameters, memory.
#include <algorithm>

#include "base/limits.h"
#include "base/watch.h"
#include "model/config/arch.h"
#include "model/config/decoder_graph.h"
#include "model/network/typed_network.h"

namespace hone {
namespace {

// With more tokens at a time the layers do not keep what an MLP's activation reads, half of what a
// backward pass needs, and make them again: only long rows take so many, and there attention has
// most of the time and this product a fifteenth.
constexpr int64_t kMostTokensKept = 4096;

// "model.layers.3", the layer that a module of that name lies in.
std::string LayerOfModule(const std::string& name) {
    for (size_t dot = name.find('.'); dot != name.npos; dot = name.find('.', dot + 1))
        if (dot + 1 < name.size() && name[dot + 1] >= '0' && name[dot + 1] <= '9')
            return name.substr(0, name.find('.', dot + 1));
    HONE_CHECK(false, "{} lies in no layer", name);
    return "";
}

}  // namespace

template <typename T>
TypedNetwork<T>::TypedNetwork(const ModelFiles& files, const ModelGraph& graph,
                              const LoadOptions& options)
    : Model(files),
      options_(options),
      C_(files.config.hidden_size),
      V_(files.config.vocab_size),
      embedding_(files_, graph.embedding, C_),
      head_(files_, graph.head, C_) {
    for (const LayerSpec& layer : graph.layers) layers_.emplace_back(files_, layer, C_);
    for (const RotaryConfig& config : graph.rotary) rotary_.push_back({config, {}, {}, {}});
    lowest_ = static_cast<int64_t>(layers_.size());
    const auto is_default = [&](std::string_view name) {
        return std::any_of(files.arch->lora_targets.begin(), files.arch->lora_targets.end(),
                           [&](const std::string& target) { return name.ends_with("." + target); });
    };
    uint64_t number = 0;
    for (LinearGroup<T>* group : Groups()) {
        group->number = number++;
        for (const LinearMember& member : group->members())
            linears_.push_back({member.name, group->in(), member.out, group == &head_.linear(),
                                is_default(member.name)});
    }
    for (const auto& [module, rows] : embedding_.modules())
        embeddings_.push_back({.name = module, .in = rows, .out = C_, .is_embedding = true});
}

template <typename T>
template <typename Linear, typename VisitNorm>
void TypedNetwork<T>::VisitParts(const Linear& linear, const VisitNorm& visit_norm) {
    for (LayerBlock<T>& layer : layers_) layer.VisitParts(linear, visit_norm);
    head_.VisitParts(linear, visit_norm);
}

template <typename T>
std::vector<LinearGroup<T>*> TypedNetwork<T>::Groups() {
    std::vector<LinearGroup<T>*> groups;
    VisitParts([&](LinearGroup<T>& group) { groups.push_back(&group); }, [](Norm&) {});
    return groups;
}

template <typename T>
std::vector<const LinearGroup<T>*> TypedNetwork<T>::Groups() const {
    const auto groups = const_cast<TypedNetwork*>(this)->Groups();
    return {groups.begin(), groups.end()};
}

template <typename T>
std::vector<Norm*> TypedNetwork<T>::Norms() {
    std::vector<Norm*> norms;
    VisitParts([](LinearGroup<T>&) {}, [&](Norm& norm) { norms.push_back(&norm); });
    return norms;
}

template <typename T>
absl::StatusOr<std::unique_ptr<Model>> TypedNetwork<T>::Load(const ModelFiles& files,
                                                             const ModelGraph& graph,
                                                             const LoadOptions& options,
                                                             const Context& context) {
    std::unique_ptr<TypedNetwork<T>> network(new TypedNetwork<T>(files, graph, options));
    if (sizeof(T) == 2 &&
        (files.config.hidden_size % 2 != 0 || files.config.intermediate_size % 2 != 0))
        return ModelError(
            "{}: bf16 products need even hidden and intermediate sizes: use --torch_dtype float32",
            files.path);
    const double parts = static_cast<double>(network->layers_.size() + 1);
    for (size_t l = 0; l < network->layers_.size(); ++l) {
        HONE_RETURN_IF_ERROR(ReportProgress(static_cast<double>(l) / parts));
        HONE_RETURN_IF_ERROR(network->layers_[l].Load(files, options, context));
        files.weights->DropPages();  // at most one layer is in memory twice
    }
    HONE_RETURN_IF_ERROR(network->head_.Load(files, options, context));
    files.weights->DropPages();
    HONE_RETURN_IF_ERROR(network->embedding_.Load(files));
    files.weights->DropPages();
    HONE_RETURN_IF_ERROR(files.weights->CheckUnchanged());
    return network;
}

template <typename T>
absl::Status TypedNetwork<T>::AddLowRank(const std::string& linear, const LowRankOptions& options) {
    if (options.rank < 1 || options.rank > kMaxLoraRank)
        return UsageError("the LoRA rank of {} is {}: it must be from 1 to {}", linear,
                          options.rank, kMaxLoraRank);
    if (std::any_of(embeddings_.begin(), embeddings_.end(),
                    [&](const LinearInfo& table) { return table.name == linear; })) {
        if (options.use_dora || options.fixed_pair)
            return UsageError(
                "{} is an embedding, whose LoRA goes without {}: leave one of them out", linear,
                options.use_dora ? "DoRA (use_dora)" : "a start of PiSSA");
        HONE_CHECK(embedding_.AddLowRank(linear, options), "no table {}", linear);
        return absl::OkStatus();
    }
    for (LinearGroup<T>* group : Groups()) {
        for (LinearMember& member : group->members()) {
            if (member.name != linear) continue;
            if (options.use_dora && options_.storage == WeightStorage::kInt8Channels)
                return UsageError(
                    "{}: DoRA (use_dora) needs products that are exact, which those in 8-bit "
                    "integers are not: use --base_compute native",
                    linear);
            member.low_rank = options;
            return absl::OkStatus();
        }
    }
    return ModelError("the model has no linear layer {}", linear);
}

template <typename T>
absl::Status TypedNetwork<T>::AddScale(const std::string& linear, ScaledSide side) {
    for (LinearGroup<T>* group : Groups()) {
        for (LinearMember& member : group->members()) {
            if (member.name != linear) continue;
            if (side == ScaledSide::kInput && !group->may_scale_input)
                return ModelError(
                    "feedforward_modules: {} cannot have its input scaled; the last layers of "
                    "attention and of an MLP can",
                    linear);
            member.scaled_side = side;
            return absl::OkStatus();
        }
    }
    return ModelError("the model has no linear layer {}", linear);
}

template <typename T>
std::vector<Bottleneck<T>*> TypedNetwork<T>::Bottlenecks() {
    std::vector<Bottleneck<T>*> bottlenecks;
    for (LayerBlock<T>& layer : layers_)
        for (const LayerHalf half : {LayerHalf::kAttention, LayerHalf::kMlp})
            if (Bottleneck<T>* bottleneck = layer.residual(half).bottleneck())
                bottlenecks.push_back(bottleneck);
    return bottlenecks;
}

template <typename T>
absl::Status TypedNetwork<T>::AddBottlenecks(LayerHalf half, const BottleneckOptions& options) {
    if (options.size < 1 || options.size > kMaxBottleneck)
        return UsageError("the bottleneck adapter would have a size of {}: it must be from 1 to {}",
                          options.size, kMaxBottleneck);
    for (LayerBlock<T>& layer : layers_) {
        if (layer.parallel())
            return ModelError(
                "{}: attention and MLP stand side by side in each layer, and a bottleneck adapter "
                "stands behind one of them",
                files_.config.architecture);
        layer.residual(half).AddBottleneck(
            fmt::format("{}.{}", LayerOfModule(layer.name()),
                        half == LayerHalf::kAttention ? "attention_adapters" : "output_adapters"),
            options);
    }
    return absl::OkStatus();
}

template <typename T>
absl::Status TypedNetwork<T>::AddVirtualTokens(VirtualTokens kind, int64_t count) {
    HONE_CHECK(virtual_count_ == 0, "virtual tokens twice");
    int64_t& context = files_.config.max_position_embeddings;
    if (count < 1 || count > kMaxVirtualTokens || count >= context)
        return UsageError(
            "num_virtual_tokens is {}: it must be at least 1, at most {}, and below the model's "
            "context of {}",
            count, kMaxVirtualTokens, context);
    virtual_count_ = count;
    context -= count;
    if (kind == VirtualTokens::kEmbeddings) {
        embedding_.LearnVirtualTokens(count);
        return absl::OkStatus();
    }
    const auto layers = static_cast<int64_t>(layers_.size());
    for (int64_t l = 0; l < layers; ++l) layers_[l].LearnPrefix(l, layers);
    learns_prefix_ = true;
    return absl::OkStatus();
}

template <typename T>
void TypedNetwork<T>::Regularize(const Regularization& regularization) {
    regularization_ = regularization;
}

template <typename T>
LinearMember& TypedNetwork<T>::MemberOf(const std::string& linear) {
    for (LinearGroup<T>* group : Groups())
        for (LinearMember& member : group->members())
            if (member.name == linear) return member;
    HONE_CHECK(false, "no linear layer {}", linear);
    return Groups()[0]->members()[0];
}

template <typename T>
void TypedNetwork<T>::SetFixedPair(const std::string& linear, const FixedPair& pair) {
    LinearMember& member = MemberOf(linear);
    HONE_CHECK(pair.a.size() == member.fixed_a.size() && pair.b.size() == member.fixed_b.size(),
               "a pair of other sizes for {}", linear);
    member.fixed_a.assign(pair.a.begin(), pair.a.end());
    member.fixed_b.assign(pair.b.begin(), pair.b.end());
}

template <typename T>
FixedPair TypedNetwork<T>::GetFixedPair(const std::string& linear) const {
    const LinearMember& member = const_cast<TypedNetwork*>(this)->MemberOf(linear);
    return {member.fixed_a, member.fixed_b};
}

template <typename T>
absl::Status TypedNetwork<T>::MakeTrainable(const std::string& module, bool keep_tied) {
    if (options_.storage == WeightStorage::kInt8 || options_.storage == WeightStorage::kInt4)
        return UsageError(
            "{} brings weights of its own, which 8 or 4 bits cannot take: use --weights bf16",
            module);
    auto matches = [&](const std::string& name) {
        return name == module || name.ends_with("." + module);
    };
    bool found = false;
    for (LinearGroup<T>* group : Groups())
        for (LinearMember& member : group->members()) {
            if (!matches(member.name)) continue;
            if (const std::string why = group->frozen().WhyFrozen(); !why.empty())
                return UsageError("{} {}", member.name, why);
            found = true, member.own_weight = 0;
        }
    for (Norm* norm : Norms())
        if (matches(norm->name())) found = true, norm->MakeTrainable();
    if (embedding_.MakeTrainable(matches)) found = true;
    LinearMember& head = head_.linear().members()[0];
    if (keep_tied && head.weight == embedding_.tensor() &&
        (embedding_.trainable() || head.own_weight >= 0)) {
        embedding_.MakeTrainable(
            [&](const std::string& name) { return name == embedding_.module(); });
        head.own_weight = 0;
        tied_parameter_ = true;
    }
    if (!found) return UsageError("--modules_to_save: the model has no module {}", module);
    return absl::OkStatus();
}

template <typename T>
void TypedNetwork<T>::MakeAllTrainable() {
    HONE_CHECK(options_.storage == WeightStorage::kNative, "coded weights cannot be trained");
    for (LinearGroup<T>* group : Groups())
        for (LinearMember& member : group->members()) member.own_weight = 0;
    for (Norm* norm : Norms()) norm->MakeTrainable();
    embedding_.MakeTrainable([](const std::string&) { return true; });
    tied_parameter_ = head_.linear().members()[0].weight == embedding_.tensor();
}

template <typename T>
absl::Status TypedNetwork<T>::FinishParameters(const Context& context) {
    HONE_CHECK(parameters_.slices().empty(), "FinishParameters twice");
    embedding_.AddParameters(parameters_);
    if (learns_prefix_)
        prefix_parameter_ = parameters_.Add("prompt_embeddings",
                                            {virtual_count_, static_cast<int64_t>(layers_.size()) *
                                                                 layers_.front().prefix_columns()},
                                            true);
    if (tied_parameter_) head_.linear().members()[0].tied_weight = embedding_.parameter();
    for (LinearGroup<T>* group : Groups()) group->AddParameters(parameters_);
    for (Norm* norm : Norms()) norm->AddParameters(parameters_);
    for (Bottleneck<T>* bottleneck : Bottlenecks()) bottleneck->AddParameters(parameters_);
    parameters_.Allocate();
    for (LinearGroup<T>* group : Groups())
        HONE_RETURN_IF_ERROR(group->FillParameters(parameters_, files_));
    for (LinearGroup<T>* group : Groups())
        group->StartMagnitudes(parameters_, context, magnitude_memory_);
    for (Norm* norm : Norms()) norm->FillParameters(parameters_);
    HONE_RETURN_IF_ERROR(embedding_.FillParameters(parameters_, files_));
    HONE_RETURN_IF_ERROR(files_.weights->CheckUnchanged());
    lowest_ = static_cast<int64_t>(layers_.size());
    while (lowest_ > 0 && std::any_of(layers_.begin(), layers_.begin() + lowest_,
                                      [](const LayerBlock<T>& layer) { return layer.trainable(); }))
        --lowest_;
    if (embedding_.trainable()) lowest_ = -1;
    training_ = {};
    forward_ = {};
    head_rows_ = 0;
    ParametersChanged(context);
    return absl::OkStatus();
}

template <typename T>
void TypedNetwork<T>::ParametersChanged(const Context& context) {
    const std::vector<LinearGroup<T>*> groups = Groups();
    context.ParallelFor(static_cast<int64_t>(groups.size()),
                        [&](int64_t i, int) { groups[i]->PackLowRank(parameters_); });
    embedding_.PackLowRank(parameters_);
    for (LinearGroup<T>* group : groups) group->PackOwn(parameters_, context);
    for (LinearGroup<T>* group : groups)
        group->UpdateMagnitudes(parameters_, context, magnitude_memory_);
    for (Norm* norm : Norms()) norm->Pack();
    for (Bottleneck<T>* bottleneck : Bottlenecks()) bottleneck->Pack(parameters_);
}

template <typename T>
bool TypedNetwork<T>::DropLowRank() {
    static constexpr std::string_view kEndings[] = {".lora_A.weight",         ".lora_B.weight",
                                                    ".lora_magnitude_vector", ".ia3_l",
                                                    ".lora_embedding_A",      ".lora_embedding_B"};
    for (const ParameterSlice& slice : parameters_.slices())
        if (std::none_of(std::begin(kEndings), std::end(kEndings),
                         [&](std::string_view ending) { return slice.name.ends_with(ending); }))
            return false;
    for (LinearGroup<T>* group : Groups()) group->DropLowRank();
    embedding_.DropLowRank();
    parameters_ = {};
    training_ = {};
    forward_ = {};
    magnitude_memory_ = {};
    head_rows_ = 0;
    head_backward_ = false;
    lowest_ = static_cast<int64_t>(layers_.size());
    regularization_ = {};
    return true;
}

template <typename T>
double TypedNetwork<T>::bits_per_weight() const {
    size_t bytes = 0;
    int64_t weights = 0;
    for (const LinearGroup<T>* group : Groups()) {
        if (!group->frozen().unpacked()) continue;
        bytes += group->frozen().bytes();
        weights += group->in() * group->out();
    }
    return weights > 0 ? 8 * static_cast<double>(bytes) / static_cast<double>(weights) : 0;
}

template <typename T>
BlockSizes TypedNetwork<T>::Sizes(int64_t M, bool backward) const {
    BlockSizes sizes{.M = M, .C = C_, .backward = backward};
    for (const LayerBlock<T>& layer : layers_) layer.Cover(sizes);
    return sizes;
}

template <typename T>
void TypedNetwork<T>::Take(Memory& memory, int64_t M, bool backward, bool checkpointing) const {
    Arena& arena = memory.arena;
    memory.M = M;
    memory.checkpointing = checkpointing;
    const int64_t trained = static_cast<int64_t>(layers_.size()) - std::max<int64_t>(lowest_, 0);
    memory.saved.assign(backward ? std::max<int64_t>(trained, 1) : 1, {});
    const bool shared = checkpointing || memory.saved.size() == 1;
    BlockSizes sizes = Sizes(M, backward);
    sizes.mlp_in_shared = !shared && M > kMostTokensKept;
    memory.x = arena.Take<float>(M * C_);
    memory.workspace.Take(arena, sizes);
    if (backward) {
        memory.dx = arena.Take<float>(M * C_);
        memory.dx_t = arena.Take<T>(M * C_);
    }
    const auto take_rest = [&](LayerSaved& saved, const LayerBlock<T>& layer) {
        saved.TakeRest(arena, layer, M, shared ? sizes.saved_columns : 0, !sizes.mlp_in_shared);
    };
    LayerSaved rest;
    if (shared) take_rest(rest, layers_.back());
    const size_t before = arena.mark(), first = layers_.size() - memory.saved.size();
    for (size_t i = 0; i < memory.saved.size(); ++i) {
        const LayerBlock<T>& layer = layers_[first + i];
        memory.saved[i] = rest;
        memory.saved[i].TakeInputs(arena, layer, M);
        if (!shared) take_rest(memory.saved[i], layer);
    }
    if (shared) memory.saved_inputs_bytes = arena.mark() - before;
}

template <typename T>
typename TypedNetwork<T>::Memory TypedNetwork<T>::NewMemory(int64_t M, bool backward,
                                                            bool checkpointing) const {
    Memory plan;
    Take(plan, M, backward, checkpointing);
    Memory memory;
    // A product may read a few elements past the last row where sizes are odd.
    memory.arena = Arena(plan.arena.peak_bytes() + 64);
    Take(memory, M, backward, checkpointing);
    return memory;
}

template <typename T>
MemoryPlan TypedNetwork<T>::PlanTraining(int64_t max_tokens, bool checkpointing) const {
    MemoryPlan plan;
    for (const LinearGroup<T>* group : Groups()) plan.weights += group->frozen().bytes();
    for (const Bottleneck<T>* bottleneck : const_cast<TypedNetwork*>(this)->Bottlenecks())
        plan.weights += bottleneck->bytes();
    plan.weights += embedding_.bytes();
    plan.parameters = static_cast<size_t>(parameters_.count()) * 2 * sizeof(float);
    Memory whole, least;
    Take(whole, max_tokens, true, checkpointing);
    Take(least, max_tokens, true, true);
    const size_t shared = least.arena.peak_bytes() - least.saved_inputs_bytes;
    plan.workspace = shared + head_.ReservedBytes(true, max_tokens);
    plan.activations = whole.arena.peak_bytes() - std::min(whole.arena.peak_bytes(), shared);
    return plan;
}

template <typename T>
MemoryPlan TypedNetwork<T>::PlanForward(int64_t max_tokens) const {
    MemoryPlan plan;
    for (const LinearGroup<T>* group : Groups()) plan.weights += group->frozen().bytes();
    plan.weights += embedding_.bytes();
    Memory memory;
    Take(memory, max_tokens, false, false);
    plan.workspace = memory.arena.peak_bytes() + head_.ReservedBytes(false, max_tokens);
    return plan;
}

template <typename T>
absl::Status TypedNetwork<T>::PrepareTraining(int64_t max_tokens, bool checkpointing) {
    if (parameters_.slices().empty())
        return UsageError(
            "there is nothing to train: choose --target_modules or --modules_to_save");
    Reserve(max_tokens, checkpointing);
    return absl::OkStatus();
}

template <typename T>
void TypedNetwork<T>::Reserve(int64_t max_tokens, bool checkpointing) {
    training_ = {};
    training_ = NewMemory(max_tokens, true, checkpointing);
    forward_ = {};
    head_.Reserve(true, max_tokens);
    head_rows_ = std::min(max_tokens, head_.most_rows());
    head_backward_ = true;
}

template <typename T>
typename TypedNetwork<T>::Memory& TypedNetwork<T>::ForwardMemory(int64_t M) {
    const int64_t rows = std::min(M, head_.most_rows());
    if (rows > head_rows_) {
        head_.Reserve(head_backward_, rows);
        head_rows_ = rows;
    }
    if (M <= training_.M) return training_;
    if (M > forward_.M) {
        forward_ = {};
        forward_ = NewMemory(M, false, false);
    }
    return forward_;
}

template <typename T>
typename TypedNetwork<T>::LayerSaved& TypedNetwork<T>::SavedOf(Memory& memory, size_t layer) const {
    const size_t first = layers_.size() - memory.saved.size();
    return memory.saved[memory.saved.size() > 1 && layer >= first ? layer - first : 0];
}

template class TypedNetwork<float>;
template class TypedNetwork<bf16>;

absl::StatusOr<std::unique_ptr<Model>> Model::Load(const ModelFiles& files,
                                                   const LoadOptions& options,
                                                   const Context& context) {
    const ModelGraph graph = MakeGraph(*files.arch, files.config);
    if (options.compute == ComputeType::kF32)
        return TypedNetwork<float>::Load(files, graph, options, context);
    return TypedNetwork<bf16>::Load(files, graph, options, context);
}

int64_t Model::num_base_parameters() const {
    int64_t count = 0;
    for (const ModelTensor& tensor : files_.tensors) count += tensor.elements();
    return count;
}

}  // namespace hone
