// The numbers of an adapter: how they start, and adapter_model.safetensors.
#pragma once

#include <cstdint>
#include <string>

#include "base/status.h"
#include "model/parameters.h"

namespace hone {

// values = start of LoRA: every NAME.lora_A.weight [rank, in] uniform in (-1/sqrt(in), 1/sqrt(in)),
// which is what torch.nn.init.kaiming_uniform_(a = sqrt 5) means; every lora_B zero; the others
// stay. Each number depends only on the seed, its tensor's name and its place in it.
void InitializeLowRank(ParameterSet& parameters, uint64_t seed);

// All slices as f32 under "base_model.model." + name, sorted by name, atomically.
absl::Status WriteAdapterWeights(ParameterSet& parameters, const std::string& path);

// values = the file's numbers (f32, f16 or bf16). Every slice must be there with its shape and
// nothing else may be; an error (kind kModel) says that the adapter belongs to another base and
// changes nothing. Names with ".default" or
// ".modules_to_save" in them, as older PEFT writes them, are understood; the copy of a frozen head
// that PEFT adds beside its delta ("lm_head.base_layer.weight") is only checked for its shape.
absl::Status ReadAdapterWeights(const std::string& path, ParameterSet& parameters);

// Whether the file's numbers are the values, bit by bit; errors as above.
absl::StatusOr<bool> HoldsAdapterWeights(const std::string& path, ParameterSet& parameters);

}  // namespace hone
