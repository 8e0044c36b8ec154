#include "adapt/ia3.h"

#include <algorithm>

#include "fmt/ranges.h"
#include "model/config/arch.h"

namespace hone {
namespace {

// Which layers scale their input. As PEFT compares: an entry is any ending of the name.
class FeedforwardNames {
  public:
    static absl::StatusOr<FeedforwardNames> Make(const LoraConfig& config) {
        FeedforwardNames names;
        if (!config.feedforward_is_regex) {
            names.endings_ = config.feedforward_modules;
            return names;
        }
        HONE_CHECK(config.feedforward_modules.size() == 1, "one regular expression");
        HONE_ASSIGN_OR_RETURN(auto pattern, NamePattern::Compile(config.feedforward_modules[0],
                                                                 "feedforward_modules"));
        names.patterns_.push_back(std::move(pattern));
        return names;
    }
    bool Contains(std::string_view name) const {
        return std::any_of(endings_.begin(), endings_.end(),
                           [&](const std::string& ending) { return name.ends_with(ending); }) ||
               std::any_of(patterns_.begin(), patterns_.end(),
                           [&](const NamePattern& pattern) { return pattern.FullMatch(name); });
    }

  private:
    std::vector<std::string> endings_;
    std::vector<NamePattern> patterns_;
};

std::string LastWord(const std::string& name) { return name.substr(name.rfind('.') + 1); }

}  // namespace

bool IsIa3(const LoraConfig& config) { return config.peft_type == "IA3"; }

LoraConfig WithFamilyTargets(const ModelFiles& files, LoraConfig config) {
    if (!IsIa3(config)) return config;
    if (config.target_modules.empty()) config.target_modules = files.arch->ia3_targets;
    if (config.feedforward_modules.empty() && config.feedforward_by_family)
        config.feedforward_modules = files.arch->ia3_feedforward;
    else
        config.feedforward_by_family = false;
    return config;
}

absl::Status AddLearnedVectors(Model& model, const LoraConfig& config,
                               const std::vector<LinearInfo>& targets, UnmatchedTargets unmatched) {
    HONE_ASSIGN_OR_RETURN(const auto feedforward, FeedforwardNames::Make(config));
    if (unmatched == UnmatchedTargets::kError && !config.feedforward_by_family &&
        !config.feedforward_is_regex)
        for (const std::string& ending : config.feedforward_modules)
            if (std::none_of(targets.begin(), targets.end(), [&](const LinearInfo& target) {
                    return target.name.ends_with(ending);
                }))
                return ModelError(
                    "feedforward_modules: '{}' is none of the layers that target_modules '{}' "
                    "chooses",
                    ending, fmt::join(config.target_modules, ","));
    for (const LinearInfo& target : targets)
        HONE_RETURN_IF_ERROR(model.AddScale(target.name, feedforward.Contains(target.name)
                                                             ? ScaledSide::kInput
                                                             : ScaledSide::kOutput));
    return absl::OkStatus();
}

absl::StatusOr<LoraConfig> WithSavedVectorNames(const std::vector<LinearInfo>& linears,
                                                const std::vector<LinearInfo>& targets,
                                                LoraConfig config) {
    HONE_ASSIGN_OR_RETURN(const auto feedforward, FeedforwardNames::Make(config));
    std::vector<std::string> full, full_inputs, short_inputs;
    for (const LinearInfo& target : targets) {
        full.push_back(target.name);
        if (!feedforward.Contains(target.name)) continue;
        full_inputs.push_back(target.name);
        const std::string word = LastWord(target.name);
        if (std::find(short_inputs.begin(), short_inputs.end(), word) == short_inputs.end())
            short_inputs.push_back(word);
    }
    config.feedforward_is_regex = config.feedforward_by_family = false;
    config.feedforward_modules = full_inputs;
    if (config.target_is_regex) return config;
    config.target_modules = SavedTargetNames(linears, targets, config);
    LoraConfig with_short = config;
    with_short.feedforward_modules = short_inputs;
    HONE_ASSIGN_OR_RETURN(const auto by_word, FeedforwardNames::Make(with_short));
    const auto inputs_by_word = std::count_if(
        full.begin(), full.end(), [&](const std::string& name) { return by_word.Contains(name); });
    if (config.target_modules != full &&
        inputs_by_word == static_cast<std::ptrdiff_t>(full_inputs.size()))
        return with_short;
    config.target_modules = full;
    return config;
}

}  // namespace hone
