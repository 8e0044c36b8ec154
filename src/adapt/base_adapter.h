// Adapters beside a base, several in one batch: a PEFT folder is packed for a model without
// becoming part of it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "adapt/lora.h"

namespace hone {

// Reads and packs the adapter of that folder, with the checks of LoadAdapter: one of another base
// is refused. One that brings weights of its own (modules_to_save) or is of DoRA is an error of
// kind kUsage: those cannot stand beside the base's.
absl::StatusOr<std::shared_ptr<const Adapter>> OpenAdapter(const Model& model,
                                                           const std::string& folder);

// An adapter of that configuration with random numbers in A and B, the same for the same seed: for
// measuring.
absl::StatusOr<std::shared_ptr<const Adapter>> RandomAdapter(const Model& model,
                                                             const LoraConfig& config,
                                                             uint64_t seed);

}  // namespace hone
