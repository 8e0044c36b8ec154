// The numbers of an adapter: how they start, and adapter_model.safetensors.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/status.h"
#include "model/files/model_files.h"
#include "model/linear/parameters.h"

namespace hone {

// Initialises LoRA. Every NAME.lora_A.weight [rank, in] is uniform in (-1/sqrt(in), 1/sqrt(in)), as
// torch.nn.init.kaiming_uniform_(a = sqrt 5) makes it, and every lora_B is zero. Of an embedding it
// is the other way round: every lora_embedding_A is zero, and every lora_embedding_B normal with a
// deviation of one. Other values stay.
// Each number depends only on the seed, its tensor's name and its place in the tensor.
void InitializeLowRank(ParameterSet& parameters, uint64_t seed);

// Writes all slices as f32 under "base_model.model." + name, sorted by name, atomically; those of
// an adapter with virtual tokens as PEFT names these. Weights of the base that came from an adapter
// (brought_weights.h) are written as they were. of_backbone: the names are those of the model
// without its head (AutoModel), which have no "model." in front.
absl::Status WriteAdapterWeights(ParameterSet& parameters, const std::string& path,
                                 const ModelFiles* base = nullptr, bool of_backbone = false);

// Reads the file's numbers (f32, f16 or bf16) into the values. Every slice must be there with its
// shape. Beside them the file may hold copies of the base's own tensors (IsCopyOfBase); without
// `base`, nothing else. Names with ".default" or ".modules_to_save" in them, as older PEFT writes
// them, are understood; so are those of the model without its head. An error (kind kModel) changes
// nothing. It names what belongs to another base, or which feature of PEFT is not supported.
absl::Status ReadAdapterWeights(const std::string& path, ParameterSet& parameters,
                                const ModelFiles* base = nullptr);

// A stored tensor's name without PEFT's prefix and the names of its wrappers.
std::string PlainTensorName(std::string_view stored);

// Whether the file's numbers are the values, bit by bit; errors as above.
absl::StatusOr<bool> HoldsAdapterWeights(const std::string& path, ParameterSet& parameters,
                                         const ModelFiles* base = nullptr);

}  // namespace hone
