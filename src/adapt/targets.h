// Which layers a LoraConfig means, and the rank and scale of each: PEFT's rules, on names alone.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "adapt/lora.h"

namespace hone {

// A regular expression from outside: Python's and ECMAScript's common ground, matched in polynomial
// time. Length and nesting are limited.
class NamePattern {
  public:
    // `what` names the field in the error.
    static absl::StatusOr<NamePattern> Compile(std::string_view expression, std::string_view what);
    // re.fullmatch. False for names longer than kMaxNameBytes.
    bool FullMatch(std::string_view name) const;

  private:
    struct Compiled;
    std::shared_ptr<const Compiled> compiled_;
};

inline constexpr size_t kMaxPatternBytes = 8192;
inline constexpr int kMaxPatternDepth = 64;

// What to do with an entry of target_modules that no layer answers to, while others do.
enum class UnmatchedTargets { kError, kAllow };

// The layers that carry a delta, of linear ones and tables of embeddings, in the given order. An
// error lists what there is when none (or, with kError, one of the entries) matches.
absl::StatusOr<std::vector<LinearInfo>> SelectTargets(const std::vector<LinearInfo>& linears,
                                                      const LoraConfig& config,
                                                      UnmatchedTargets unmatched);

// The modules that modules_to_save means: those of `modules` whose name ends in an entry.
absl::StatusOr<std::vector<std::string>> SelectModulesToSave(
    const std::vector<std::string>& modules, const LoraConfig& config);

// Whether a tensor or module of that name lies in a module that is saved whole.
bool InsideSavedModule(std::string_view name, const std::vector<std::string>& modules_to_save);

// Whether target_modules, less exclude_modules, names the module.
absl::StatusOr<bool> IsTarget(std::string_view module, const LoraConfig& config);

// Rank and scale of one layer, patterns applied.
absl::StatusOr<LowRankOptions> LowRankFor(const LoraConfig& config, const std::string& linear);

// target_modules as it is saved: the short names where they select exactly `targets`, else the full
// ones.
std::vector<std::string> SavedTargetNames(const std::vector<LinearInfo>& linears,
                                          const std::vector<LinearInfo>& targets,
                                          const LoraConfig& config);

}  // namespace hone
