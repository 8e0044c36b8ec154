// Learned tokens ahead of every text: prompt tuning (Lester et al. 2021, arXiv:2104.08691), which
// learns their embeddings, and prefix tuning (Li and Liang 2021, arXiv:2101.00190), which learns
// their keys and values in every layer. Both in PEFT's form.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "adapt/lora.h"

namespace hone {

// The parameter of both, and its tensor's name in the file, where nothing stands before it.
inline constexpr std::string_view kPromptEmbeddings = "prompt_embeddings";

bool IsPromptTuning(const LoraConfig& config);
bool IsPrefixTuning(const LoraConfig& config);
// Either.
bool HasVirtualTokens(const LoraConfig& config);

// "prompt tuning", "prefix tuning".
std::string_view VirtualTokensName(const LoraConfig& config);

// The configuration with the sizes of that model in it.
LoraConfig WithModelSizes(const ModelConfig& model, LoraConfig config);

// Adds the tokens to the model. An error of kind kModel where the configuration is for a model of
// other sizes, or asks for what such an adapter has not.
absl::Status AddVirtualTokens(Model& model, const LoraConfig& config);

// Fills them with random numbers, normal with a deviation of one. Each depends only on the seed and
// its place. Other values stay.
void InitializeVirtualTokens(ParameterSet& parameters, uint64_t seed);

// Starts those of prompt tuning as the embeddings of these tokens, at least one, over and over.
absl::Status StartFromTokens(Model& model, std::span<const int32_t> tokens, const Context& context);

}  // namespace hone
