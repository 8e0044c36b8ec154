// PEFT's adapter_config.json as text: LoraConfig in and out.
#pragma once

#include <string>
#include <string_view>

#include "adapt/lora.h"

namespace hone {

// Parses an adapter_config.json. `what` names it in errors (kind kModel). Every key that changes
// what the adapter computes is either understood or refused by name; keys that only describe
// (revision, peft_version ...) are skipped.
absl::StatusOr<LoraConfig> ParseAdapterConfig(std::string_view text, std::string_view what);

// The file as PEFT writes it: sorted keys, two spaces of indentation.
std::string AdapterConfigText(const LoraConfig& config);

}  // namespace hone
