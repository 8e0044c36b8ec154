#include "adapt/base_adapter.h"

#include <functional>

#include "adapt/adapter_weights.h"
#include "adapt/bottleneck.h"
#include "adapt/ia3.h"
#include "adapt/targets.h"
#include "adapt/virtual_tokens.h"
#include "base/random.h"

namespace hone {
namespace {

// Names and shapes by the configuration, numbers from `fill`.
absl::StatusOr<std::shared_ptr<const Adapter>> MakeAdapter(
    const Model& model, const LoraConfig& config,
    const std::function<absl::Status(ParameterSet&)>& fill) {
    HONE_ASSIGN_OR_RETURN(auto targets,
                          SelectTargets(model.linears(), config, UnmatchedTargets::kAllow));
    ParameterSet parameters;
    std::vector<LowRankDelta> deltas;
    for (const LinearInfo& target : targets) {
        HONE_ASSIGN_OR_RETURN(LowRankOptions options, LowRankFor(config, target.name));
        parameters.Add(target.name + ".lora_A.weight", {options.rank, target.in}, true);
        parameters.Add(target.name + ".lora_B.weight", {target.out, options.rank}, true);
        deltas.push_back({.linear = target.name, .options = options});
    }
    parameters.Allocate();
    HONE_RETURN_IF_ERROR(fill(parameters));
    for (size_t i = 0; i < deltas.size(); ++i) {
        const int a = static_cast<int>(2 * i), b = a + 1;
        const auto values = [&](int index) {
            const ParameterSlice& slice = parameters.slices()[index];
            return std::span<const float>(parameters.values().subspan(slice.offset, slice.count));
        };
        deltas[i].a = values(a);
        deltas[i].b = values(b);
    }
    return model.MakeAdapter(deltas);
}

}  // namespace

absl::StatusOr<std::shared_ptr<const Adapter>> OpenAdapter(const Model& model,
                                                           const std::string& folder) {
    HONE_ASSIGN_OR_RETURN(const LoraConfig config, ReadAdapterConfig(folder));
    HONE_RETURN_IF_ERROR(CheckStorage(model, config, folder));
    if (HasVirtualTokens(config))
        return UsageError(
            "{}: an adapter of {} puts tokens ahead of every text, so it cannot stand beside the "
            "base: use it alone with --adapter_path",
            folder, VirtualTokensName(config));
    if (IsBottleneck(config))
        return UsageError(
            "{}: bottleneck adapters stand behind the layers, not beside them: use it alone with "
            "--adapter_path",
            folder);
    if (!config.modules_to_save.empty())
        return UsageError(
            "{}: the adapter brings its own {}, which cannot stand beside the base's: use it alone "
            "with --adapter_path",
            folder, config.modules_to_save.front());
    for (const LinearInfo& table : model.embeddings()) {
        HONE_ASSIGN_OR_RETURN(const bool target, IsTarget(table.name, config));
        if (target && config.peft_type == "LORA")
            return UsageError(
                "{}: the adapter changes the embedding {}, and beside the base only layers can "
                "change: use it alone with --adapter_path, or put it into its base with `hone "
                "merge`",
                folder, table.name);
    }
    if (config.use_dora || IsIa3(config))
        return UsageError(
            "{}: an adapter of {} scales what the base's own layers compute, so it cannot stand "
            "beside the base: use it alone with --adapter_path, or put it into its base with `hone "
            "merge`",
            folder, IsIa3(config) ? "IA3" : "DoRA (use_dora)");
    return MakeAdapter(model, config, [&](ParameterSet& parameters) {
        HONE_ASSIGN_OR_RETURN(const std::string path, AdapterWeightsPath(folder));
        return ReadAdapterWeights(path, parameters, &model.files());
    });
}

absl::StatusOr<std::shared_ptr<const Adapter>> RandomAdapter(const Model& model,
                                                             const LoraConfig& config,
                                                             uint64_t seed) {
    return MakeAdapter(model, config, [&](ParameterSet& parameters) {
        InitializeLowRank(parameters, seed);
        Random random(seed);
        for (const ParameterSlice& slice : parameters.slices()) {
            if (!slice.name.ends_with(".lora_B.weight")) continue;
            for (float& value : parameters.values().subspan(slice.offset, slice.count))
                value = (static_cast<float>(random.NextUnit()) - 0.5f) * 0.1f;
        }
        return absl::OkStatus();
    });
}

}  // namespace hone
