// Bottleneck adapters (Houlsby et al. 2019, arXiv:1902.00751; Pfeiffer et al. 2020,
// arXiv:2005.00052; in parallel, He et al. 2021, arXiv:2110.04366) on a loaded model, and their
// files as AdapterHub's library `adapters` 1.3 has them: adapter_config.json, and
// adapter.safetensors or pytorch_adapter.bin.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "adapt/lora.h"
#include "nlohmann/json.hpp"

namespace hone {

bool IsBottleneck(const LoraConfig& config);

// What the library has under a name: "houlsby" (double_seq_bn), "pfeiffer" (seq_bn) or "parallel"
// (par_bn). HONE_CHECKs that it is one of these.
BottleneckConfig NamedBottleneck(std::string_view name);

// Whether hone has the activation that the library calls so.
bool HasActivation(std::string_view name);

// Adds the adapters to the model. An error of kind kModel where they have no place in it.
absl::Status AddBottlenecks(Model& model, const LoraConfig& config);

// As the library starts them: both layers normal with a deviation of 0.02, or where they are
// parallel the first as LoRA's A and the second zero; no bias. Other values stay.
void InitializeBottlenecks(ParameterSet& parameters, const LoraConfig& config, uint64_t seed);

// adapter_config.json. Parsing is for a JSON object without peft_type; what the library can do and
// hone cannot is an error (kind kModel) that names the key.
bool IsBottleneckConfig(const nlohmann::ordered_json& json);
absl::StatusOr<LoraConfig> ParseBottleneckConfig(const nlohmann::ordered_json& json,
                                                 std::string_view what);
std::string BottleneckConfigText(const LoraConfig& config);

// The library's name of a parameter in its file, LAYER.attention_adapters.adapters.hone.adapter_up
// and so on, and the parameter's name from that with whatever the adapter is called in place of
// "hone"; "" where it is none of a bottleneck adapter.
std::string StoredBottleneckName(std::string_view parameter);
std::string PlainBottleneckName(std::string_view stored);

}  // namespace hone
