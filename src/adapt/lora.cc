#include "adapt/lora.h"

#include <filesystem>
#include <set>

#include "adapt/adapter_config.h"
#include "adapt/adapter_head.h"
#include "adapt/adapter_weights.h"
#include "adapt/bottleneck.h"
#include "adapt/ia3.h"
#include "adapt/principal_start.h"
#include "adapt/targets.h"
#include "adapt/virtual_tokens.h"
#include "base/files/file.h"
#include "base/files/json_file.h"
#include "base/limits.h"
#include "model/config/arch.h"
#include "model/files/model_tensors.h"

namespace hone {
namespace {

constexpr char kConfigName[] = "adapter_config.json";
constexpr std::string_view kWeight = ".weight";
constexpr char kWeightsName[] = "adapter_model.safetensors";
constexpr char kPickledWeightsName[] = "adapter_model.bin";       // as PEFT wrote them first
constexpr char kBottleneckWeightsName[] = "adapter.safetensors";  // AdapterHub's
constexpr char kPickledBottleneckName[] = "pytorch_adapter.bin";

std::string Join(const std::string& folder, std::string_view name) {
    return (std::filesystem::path(folder) / name).string();
}

// Every module that modules_to_save can name, as Hugging Face spells it.
absl::StatusOr<std::vector<std::string>> BaseModules(const Model& model) {
    HONE_ASSIGN_OR_RETURN(const ArchSpec* arch, FindArch(model.config().architecture));
    std::vector<std::string> modules;
    std::set<std::string> seen;
    auto add = [&](std::string_view name) {
        if (seen.emplace(name).second) modules.emplace_back(name);
    };
    for (const ModelTensor& tensor : ExpandTable(*arch, model.config()))
        if (std::string_view name = tensor.hf_name; name.ends_with(kWeight)) {
            name.remove_suffix(kWeight.size());
            add(name);
        }
    for (const LinearInfo& linear : model.linears())
        add(linear.name);  // a tied head is in no table row
    return modules;
}

// What target_modules may name: of IA3 linear layers alone.
std::vector<LinearInfo> Candidates(const Model& model, const LoraConfig& config) {
    std::vector<LinearInfo> candidates = model.linears();
    if (!IsIa3(config))
        candidates.insert(candidates.end(), model.embeddings().begin(), model.embeddings().end());
    return candidates;
}

// Adds the deltas or the learned vectors to the layers that the configuration chooses.
absl::Status AddToLayers(Model& model, const LoraConfig& config, UnmatchedTargets unmatched) {
    HONE_ASSIGN_OR_RETURN(auto targets,
                          SelectTargets(Candidates(model, config), config, unmatched));
    if (IsIa3(config)) return AddLearnedVectors(model, config, targets, unmatched);
    for (const LinearInfo& target : targets) {
        HONE_ASSIGN_OR_RETURN(LowRankOptions options, LowRankFor(config, target.name));
        HONE_RETURN_IF_ERROR(model.AddLowRank(target.name, options));
    }
    return absl::OkStatus();
}

// Adds what is trained and the saved modules, and finishes the parameters; all of the layers'
// values are still the base's or zero.
absl::Status AddParameters(Model& model, const LoraConfig& given, UnmatchedTargets unmatched,
                           const Context& context) {
    HONE_ASSIGN_OR_RETURN(const LoraConfig fitting, FittingHead(model.files(), given));
    const LoraConfig config = WithFamilyTargets(model.files(), fitting);
    HONE_ASSIGN_OR_RETURN(auto modules, BaseModules(model));
    HONE_ASSIGN_OR_RETURN(auto saved, SelectModulesToSave(modules, config));
    if (HasVirtualTokens(config)) {
        HONE_RETURN_IF_ERROR(AddVirtualTokens(model, config));
    } else if (IsBottleneck(config)) {
        HONE_RETURN_IF_ERROR(AddBottlenecks(model, config));
    } else {
        HONE_RETURN_IF_ERROR(AddToLayers(model, config, unmatched));
    }
    for (const std::string& module : saved) HONE_RETURN_IF_ERROR(model.MakeTrainable(module));
    return model.FinishParameters(context);
}

// The configuration as it is saved: with names that PEFT takes, and the model's sizes.
absl::StatusOr<LoraConfig> SavedConfig(const Model& model, const LoraConfig& config) {
    if (HasVirtualTokens(config)) return WithModelSizes(model.config(), config);
    if (IsBottleneck(config)) return config;
    LoraConfig saved = WithFamilyTargets(model.files(), config);
    const std::vector<LinearInfo> candidates = Candidates(model, config);
    HONE_ASSIGN_OR_RETURN(auto targets, SelectTargets(candidates, saved, UnmatchedTargets::kAllow));
    if (IsIa3(config)) return WithSavedVectorNames(candidates, targets, saved);
    if (!config.target_is_regex)
        saved.target_modules = SavedTargetNames(candidates, targets, config);
    return saved;
}

}  // namespace

absl::Status ApplyLora(Model& model, const LoraConfig& config, uint64_t seed,
                       const Context& context) {
    HONE_RETURN_IF_ERROR(AddParameters(model, config, UnmatchedTargets::kError, context));
    InitializeLowRank(model.parameters(), seed);
    InitializeVirtualTokens(model.parameters(), seed);
    InitializeBottlenecks(model.parameters(), config, seed);
    if (HasPrincipalStart(config)) HONE_RETURN_IF_ERROR(StartFromPrincipal(model, config, context));
    model.ParametersChanged(context);
    return absl::OkStatus();
}

absl::StatusOr<LoraConfig> ReadAdapterConfig(const std::string& folder) {
    const std::string path = Join(folder, kConfigName);
    std::error_code error;
    if (!std::filesystem::exists(path, error))
        return ModelError("{}: no {} in it; an adapter is the folder that PEFT or hone saved",
                          folder, kConfigName);
    HONE_ASSIGN_OR_RETURN(const std::string text, ReadModelText(path, kMaxHeaderBytes));
    return ParseAdapterConfig(text, path);
}

absl::Status CheckStorage(const Model& model, const LoraConfig& config, const std::string& folder) {
    const bool nf4 = model.storage() == WeightStorage::kNf4 && model.four_bits() == FourBits::kNf4;
    if (config.init_lora_weights != "loftq" || nf4) return absl::OkStatus();
    return UsageError(
        "{}: the adapter makes up for what NF4 takes from the base (LoftQ), so it goes with a base "
        "in NF4 alone: use --weights nf4, or in training --method qlora; it cannot be merged",
        folder);
}

absl::StatusOr<LoraConfig> LoadAdapter(Model& model, const std::string& folder,
                                       const Context& context, std::optional<double> dropout) {
    HONE_ASSIGN_OR_RETURN(LoraConfig config, ReadAdapterConfig(folder));
    HONE_RETURN_IF_ERROR(CheckStorage(model, config, folder));
    if (dropout) config.lora_dropout = *dropout;
    absl::Status added = AddParameters(model, config, UnmatchedTargets::kAllow, context);
    HONE_RETURN_IF_ERROR(Annotate(added, Join(folder, kConfigName)));
    HONE_RETURN_IF_ERROR(LoadAdapterWeights(model, config, folder, context));
    return config;
}

std::string AdapterWeightsName(const LoraConfig& config) {
    return IsBottleneck(config) ? kBottleneckWeightsName : kWeightsName;
}

absl::StatusOr<std::string> AdapterWeightsPath(const std::string& folder) {
    std::error_code error;
    for (const char* name :
         {kWeightsName, kPickledWeightsName, kBottleneckWeightsName, kPickledBottleneckName})
        if (std::filesystem::exists(Join(folder, name), error)) return Join(folder, name);
    return ModelError("{}: neither {} nor {} in it", folder, kWeightsName, kPickledWeightsName);
}

absl::Status LoadAdapterWeights(Model& model, const LoraConfig& config, const std::string& folder,
                                const Context& context) {
    HONE_ASSIGN_OR_RETURN(const std::string path, AdapterWeightsPath(folder));
    if (HasPrincipalStart(config)) {
        ParameterSet plain = PlainParameters(model);
        HONE_RETURN_IF_ERROR(ReadAdapterWeights(path, plain, &model.files()));
        HONE_RETURN_IF_ERROR(Annotate(TakePlainParameters(plain, model), path));
    } else {
        HONE_RETURN_IF_ERROR(ReadAdapterWeights(path, model.parameters(), &model.files()));
    }
    model.ParametersChanged(context);
    return absl::OkStatus();
}

absl::StatusOr<bool> HoldsAdapter(Model& model, const LoraConfig& config,
                                  const std::string& folder) {
    HONE_ASSIGN_OR_RETURN(const std::string path, AdapterWeightsPath(folder));
    if (!HasPrincipalStart(config))
        return HoldsAdapterWeights(path, model.parameters(), &model.files());
    ParameterSet plain = PlainParameters(model);
    return HoldsAdapterWeights(path, plain, &model.files());
}

absl::Status SaveAdapter(Model& model, const LoraConfig& config, const std::string& folder) {
    HONE_ASSIGN_OR_RETURN(LoraConfig saved, SavedConfig(model, config));
    HONE_RETURN_IF_ERROR(MakeDirectories(folder));
    const std::string weights = Join(folder, AdapterWeightsName(config));
    const bool of_backbone = MakesEmbeddings(config);
    if (HasPrincipalStart(config)) {
        saved = PlainConfig(saved);
        ParameterSet plain = PlainParameters(model);
        HONE_RETURN_IF_ERROR(WriteAdapterWeights(plain, weights, &model.files(), of_backbone));
    } else {
        HONE_RETURN_IF_ERROR(
            WriteAdapterWeights(model.parameters(), weights, &model.files(), of_backbone));
    }
    HONE_RETURN_IF_ERROR(WriteAdapterLabels(model.config(), folder));
    return WriteFileAtomic(Join(folder, kConfigName), AdapterConfigText(saved));
}

}  // namespace hone
