// IA3 (Liu et al. 2022, arXiv:2205.05638): learned vectors that scale what some linear layers put
// out (keys and values), or what they take in (the last layer of an MLP). PEFT's rules, on names.
#pragma once

#include <string>
#include <vector>

#include "adapt/lora.h"
#include "adapt/targets.h"
#include "model/model.h"

namespace hone {

bool IsIa3(const LoraConfig& config);

// Of IA3: the configuration with the family's target_modules and feedforward_modules where it has
// none; any other as it is.
LoraConfig WithFamilyTargets(const ModelFiles& files, LoraConfig config);

// Adds the learned vectors of these targets; `config` is WithFamilyTargets'. An error (kind kModel)
// names an entry of feedforward_modules that is none of the targets, with kError.
absl::Status AddLearnedVectors(Model& model, const LoraConfig& config,
                               const std::vector<LinearInfo>& targets, UnmatchedTargets unmatched);

// Sets target_modules and feedforward_modules of IA3 as they are saved: names that mean the same
// layers, the second a subset of the first, which PEFT wants. `config` is WithFamilyTargets'.
absl::StatusOr<LoraConfig> WithSavedVectorNames(const std::vector<LinearInfo>& linears,
                                                const std::vector<LinearInfo>& targets,
                                                LoraConfig config);

}  // namespace hone
