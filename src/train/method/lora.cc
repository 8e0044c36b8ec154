#include "train/method/lora.h"

#include <algorithm>

#include "adapt/adapter_config.h"
#include "adapt/adapter_head.h"
#include "adapt/adapter_weights.h"
#include "adapt/bottleneck.h"
#include "adapt/ia3.h"
#include "adapt/principal_start.h"
#include "adapt/virtual_tokens.h"
#include "base/files/hash.h"
#include "hub/catalogue.h"
#include "train/method/prompt.h"
#include "train/objective/objective.h"

namespace hone {
namespace {

using Json = nlohmann::ordered_json;

bool Int8(const Model& model) { return model.storage() == WeightStorage::kInt8Channels; }

// LoRA+ is for linear layers: PEFT's takes another rate for those of an embedding.
absl::Status CheckLoraPlus(const FinetuneOptions& options, Model& model) {
    if (options.loraplus_lr_ratio == 1) return absl::OkStatus();
    for (const LinearInfo& table : model.embeddings())
        if (const std::string name = table.name + ".lora_embedding_A";
            model.parameters().Find(name) != nullptr)
            return UsageError(
                "--loraplus_lr_ratio says how lora_B of linear layers learns, and {} is an "
                "embedding: leave it out of --target_modules, or train without LoRA+",
                table.name);
    return absl::OkStatus();
}

BottleneckConfig BottleneckOf(const BottleneckChoice& choice) {
    BottleneckConfig config = NamedBottleneck(choice.adapter_config);
    config.reduction_factor = choice.reduction_factor.value_or(config.reduction_factor);
    if (!choice.non_linearity.empty()) config.non_linearity = choice.non_linearity;
    return config;
}

absl::StatusOr<LoraConfig> AddAdapter(const FinetuneOptions& options, std::string_view peft_type,
                                      Model& model, const Context& context) {
    if (!options.adapter_path.empty()) {
        // Answers are compared without dropout.
        std::optional<double> dropout;
        if (!ObjectiveOf(options).direct() || TrainsEmbeddings(options) || !options.loss.empty())
            dropout = 0;
        HONE_ASSIGN_OR_RETURN(LoraConfig config,
                              LoadAdapter(model, options.adapter_path, context, dropout));
        if (TrainsEmbeddings(options)) config.task_type = kFeatureExtraction;
        return config;
    }
    LoraConfig wanted = options.lora;
    wanted.peft_type = peft_type;
    wanted.bottleneck = BottleneckOf(options.bottleneck);
    if (TrainsEmbeddings(options)) wanted.task_type = kFeatureExtraction;
    const LoraConfig config = WithHead(model.files(), std::move(wanted));
    // What does not fit the model here is what the flags asked for.
    HONE_RETURN_IF_ERROR(
        WithKind(ApplyLora(model, config, options.seed, context), ErrorKind::kUsage));
    if (config.init_lora_weights == "loftq")
        HONE_RETURN_IF_ERROR(
            StartFromQuantizationError(model, config, options.double_quant, context));
    if (IsPromptTuning(config) && config.prompt_tuning_init == "text")
        HONE_RETURN_IF_ERROR(StartFromText(config, model, context));
    return config;
}

}  // namespace

std::span<const OptionDefault> LoraMethod::defaults() const {
    // Olive's; PEFT's own is 0.
    static const OptionDefault defaults[] = {{.option = "lora_dropout", .value = 0.05}};
    return defaults;
}

WeightStorage LoraMethod::Storage(const FinetuneOptions& options) const {
    return options.base_compute == "int8" ? WeightStorage::kInt8Channels : WeightStorage::kNative;
}

std::string LoraMethod::Headline(const FinetuneOptions& options) const {
    return fmt::format("{} r={}", options.lora.use_dora ? "DoRA" : "LoRA", options.lora.r);
}

absl::StatusOr<std::unique_ptr<EngineLearner>> LoraMethod::MakeLearner(
    const FinetuneOptions& options, const ModelFiles& files, Model& model,
    const Context& context) const {
    HONE_ASSIGN_OR_RETURN(LoraConfig config, AddAdapter(options, peft_type(), model, context));
    HONE_RETURN_IF_ERROR(CheckLoraPlus(options, model));
    config.base_model_name_or_path = PublicName(options.model_name_or_path);
    return std::make_unique<LoraLearner>(model, std::move(config), options.adapter_path.empty(),
                                         context);
}

absl::Status LoraLearner::Save(const std::string& folder) {
    return SaveAdapter(model_, config_, folder);
}

absl::Status LoraLearner::Restore(const std::string& folder) {
    return LoadAdapterWeights(model_, config_, folder, context_);
}

std::string LoraLearner::Summary() const {
    if (HasVirtualTokens(config_))
        return fmt::format("{}, {} virtual tokens", VirtualTokensName(config_),
                           config_.num_virtual_tokens);
    const auto& slices = model_.parameters().slices();
    if (IsBottleneck(config_)) {
        const BottleneckConfig& bottleneck = config_.bottleneck;
        return fmt::format("bottleneck adapters of {} numbers behind {}{}",
                           slices.front().shape.front(),
                           bottleneck.mh_adapter && bottleneck.output_adapter ? "attention and MLP"
                           : bottleneck.mh_adapter                            ? "attention"
                                                                              : "the MLP",
                           bottleneck.is_parallel ? ", in parallel" : "");
    }
    const bool ia3 = IsIa3(config_);
    const auto layers =
        std::count_if(slices.begin(), slices.end(), [&](const ParameterSlice& slice) {
            return slice.name.ends_with(ia3 ? ".ia3_l" : ".lora_A.weight") ||
                   slice.name.ends_with(".lora_embedding_A");
        });
    if (ia3) return fmt::format("ia3 on {} layers", layers);
    const double bits = model_.bits_per_weight();
    const char* base = model_.storage() == WeightStorage::kGgufBlocks
                           ? "its file's blocks"
                           : FourBitsName(model_.four_bits());
    return fmt::format("{}{} r={} alpha={} on {} layers{}{}", bits > 0 ? "q" : "",
                       config_.use_dora ? "dora" : "lora", config_.r, config_.lora_alpha, layers,
                       config_.init_lora_weights == "pissa"   ? ", started from singular values"
                       : config_.init_lora_weights == "loftq" ? ", started from NF4's error"
                                                              : "",
                       bits > 0 ? fmt::format(", base in {}, {:.2f} bits a weight", base, bits)
                       : Int8(model_) ? ", products with the base in 8-bit integers"
                                      : "");
}

Json LoraLearner::Configuration() const {
    std::span<const float> values = model_.parameters().values();
    Json adapter = Json::parse(AdapterConfigText(config_));
    adapter.erase("base_model_name_or_path");
    Json json = {{"adapter_at_the_start",
                  Sha256Hex({reinterpret_cast<const char*>(values.data()), values.size_bytes()})},
                 {IsIa3(config_)              ? "ia3"
                  : HasVirtualTokens(config_) ? "virtual_tokens"
                  : IsBottleneck(config_)     ? "bottleneck"
                                              : "lora",
                  std::move(adapter)}};
    const double bits = model_.bits_per_weight();
    const char* base = model_.storage() == WeightStorage::kGgufBlocks ? "gguf"
                       : model_.four_bits() == FourBits::kNf4         ? "nf4"
                                                                      : "fp4";
    if (bits > 0) json["base_weights"] = fmt::format("{}, {:.2f} bits", base, bits);
    if (Int8(model_)) json["base_weights"] = "int8, a scale an output channel";
    return json;
}

absl::Status LoraLearner::CheckDelivered(const std::string& folder) {
    HONE_RETURN_IF_ERROR(ReadAdapterConfig(folder).status());
    HONE_ASSIGN_OR_RETURN(const bool same, HoldsAdapter(model_, config_, folder));
    return same ? absl::OkStatus() : NotReadBack(folder);
}

}  // namespace hone
