// The numbers of an adapter: how they start, and adapter_model.safetensors.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/status.h"
#include "model/blocks/parameters.h"
#include "model/files/model_files.h"

namespace hone {

// values = start of LoRA: every NAME.lora_A.weight [rank, in] uniform in (-1/sqrt(in), 1/sqrt(in)),
// which is what torch.nn.init.kaiming_uniform_(a = sqrt 5) means; every lora_B zero; the others
// stay. Each number depends only on the seed, its tensor's name and its place in it.
void InitializeLowRank(ParameterSet& parameters, uint64_t seed);

// All slices as f32 under "base_model.model." + name, sorted by name, atomically; and what the base
// has from an adapter, as it was brought.
absl::Status WriteAdapterWeights(ParameterSet& parameters, const std::string& path,
                                 const ModelFiles* base = nullptr);

// values = the file's numbers (f32, f16 or bf16). Every slice must be there with its shape, and
// beside them only copies of the base's own tensors (IsCopyOfBase); without `base` nothing else. An
// error (kind kModel) names what is of another base, or what feature of PEFT is not supported, and
// changes nothing. Names with ".default" or ".modules_to_save" in them, as older PEFT writes them,
// are understood.
absl::Status ReadAdapterWeights(const std::string& path, ParameterSet& parameters,
                                const ModelFiles* base = nullptr);

// A stored tensor's name without PEFT's prefix and the names of its wrappers.
std::string PlainTensorName(std::string_view stored);

// Whether the file's numbers are the values, bit by bit; errors as above.
absl::StatusOr<bool> HoldsAdapterWeights(const std::string& path, ParameterSet& parameters,
                                         const ModelFiles* base = nullptr);

}  // namespace hone
