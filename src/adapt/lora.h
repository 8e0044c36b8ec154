// LoRA (Hu et al. 2021, arXiv:2106.09685), IA3 (ia3.h), virtual tokens (virtual_tokens.h) and
// bottleneck adapters (bottleneck.h) on a loaded model, and the adapter's folder, PEFT's or, of the
// last, AdapterHub's.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "model/model.h"

namespace hone {

// A bottleneck adapter (bottleneck.h), as AdapterHub's BnConfig says it.
inline constexpr double kLeastReduction = 0.01, kMostReduction = 1e6;
struct BottleneckConfig {
    bool mh_adapter = true;           // behind attention
    bool output_adapter = true;       // behind the MLP
    bool is_parallel = false;         // reads the residual stream before that half
    bool original_ln_before = false;  // reads it with the half's output in it; else that alone
    double reduction_factor = 16;     // hidden_size over it: numbers between its two layers
    std::string non_linearity = "swish";
    double scaling = 1;
};

// adapter_config.json, with PEFT's names and meanings.
struct LoraConfig {
    // "LORA", or "IA3": of that count target_modules, exclude_modules, feedforward_modules and
    // modules_to_save, and what does not depend on the kind; or "PROMPT_TUNING" or "PREFIX_TUNING":
    // of these num_virtual_tokens and how they start. "BOTTLENECK" is hone's word: AdapterHub's
    // files have none.
    std::string peft_type = "LORA";
    int64_t r = 64;
    double lora_alpha = 16;
    double lora_dropout = 0;
    // Names or suffixes ("q_proj", "layers.0.mlp.up_proj"), {"all-linear"}, or one regular
    // expression (matched against the whole name) when target_is_regex; empty: PEFT's choice for
    // the family (LinearInfo::is_default).
    std::vector<std::string> target_modules;
    bool target_is_regex = false;
    // Never adapted, whatever target_modules says; read in the same way.
    std::vector<std::string> exclude_modules;
    bool exclude_is_regex = false;
    // IA3: those of the targets whose input is scaled, the others' output is. Endings of names, or
    // one regular expression. None of them, and feedforward_by_family: the family's.
    std::vector<std::string> feedforward_modules;
    bool feedforward_is_regex = false;
    bool feedforward_by_family = true;
    // With a list of target_modules: only these layers; empty: all. layers_pattern names the list
    // of layers ("layers").
    std::vector<int64_t> layers_to_transform;
    std::vector<std::string> layers_pattern;
    std::vector<std::string> modules_to_save;
    // Regular expressions for the end of a layer's name, with the rank or alpha that it gets in
    // place of r or lora_alpha: the first that matches counts, in this order.
    std::vector<std::pair<std::string, int64_t>> rank_pattern;
    std::vector<std::pair<std::string, double>> alpha_pattern;
    bool use_rslora = false;  // scale alpha / sqrt(r) (arXiv:2312.03732) instead of alpha / r
    bool use_dora = false;    // trained lengths of the weights' rows (arXiv:2402.09353)
    // "true": A at random and B zero. "pissa" (arXiv:2404.02948): from the largest singular values
    // of the weight, which PEFT takes out of the base; here they stay in it, and what is saved is a
    // plain adapter of twice the rank with the same effect (principal_start.h). "loftq": from what
    // NF4 takes from the weight, over a base in NF4 alone.
    std::string init_lora_weights = "true";
    BottleneckConfig bottleneck;
    int64_t num_virtual_tokens = 20;
    std::string prompt_tuning_init = "random";  // or text: as the embeddings of the words of
    std::string prompt_tuning_init_text;        // this, again and again, or its beginning
    // Layers, heads and numbers of a token that virtual tokens were made for; 0: any.
    int64_t num_layers = 0, num_attention_heads = 0, token_dim = 0;
    std::string base_model_name_or_path;
    // SEQ_CLS, TOKEN_CLS: with a head of labels; FEATURE_EXTRACTION: of embeddings, without one.
    std::string task_type = "CAUSAL_LM";
};
inline constexpr char kFeatureExtraction[] = "FEATURE_EXTRACTION";

// Chooses the target layers (an error names what there is when nothing matches), adds the deltas,
// learned vectors or virtual tokens, finishes the parameters, and initialises: A as torch's
// kaiming_uniform(a = sqrt 5) from `seed` and the layer's name, B zero, learned vectors one,
// virtual tokens normal with a deviation of one, as torch.nn.Embedding does.
absl::Status ApplyLora(Model& model, const LoraConfig& config, uint64_t seed,
                       const Context& context);

// Reads adapter_config.json; unknown features that change the result (bias training, use_qalora
// ...) are errors.
absl::StatusOr<LoraConfig> ReadAdapterConfig(const std::string& folder);

// An error (kind kUsage) where an adapter that was read from `folder` goes with a base that is held
// in another form than the model's.
absl::Status CheckStorage(const Model& model, const LoraConfig& config, const std::string& folder);

// ReadAdapterConfig, ApplyLora with it, and the weights of AdapterWeightsPath: names, shapes and
// completeness are checked, so an adapter of another base is refused. Returns the config.
// `dropout`, where it is given, takes the place of the config's.
absl::StatusOr<LoraConfig> LoadAdapter(Model& model, const std::string& folder,
                                       const Context& context,
                                       std::optional<double> dropout = std::nullopt);
// Where the folder's weights are: adapter_model.safetensors, else adapter_model.bin, else
// AdapterHub's adapter.safetensors or pytorch_adapter.bin; an error (kind kModel) when none is
// there.
absl::StatusOr<std::string> AdapterWeightsPath(const std::string& folder);
// Only the weights, into a model to which that config was applied, as SaveAdapter wrote them.
absl::Status LoadAdapterWeights(Model& model, const LoraConfig& config, const std::string& folder,
                                const Context& context);
// Whether the folder holds the model's weights, bit by bit.
absl::StatusOr<bool> HoldsAdapter(Model& model, const LoraConfig& config,
                                  const std::string& folder);

// What SaveAdapter calls the weights: "adapter_model.safetensors", or "adapter.safetensors".
std::string AdapterWeightsName(const LoraConfig& config);

// Writes adapter_config.json and the weights (f32; "base_model.model." names) into the folder,
// which is made if need be; and labels.json (adapter_head.h) where the model has a head of labels.
absl::Status SaveAdapter(Model& model, const LoraConfig& config, const std::string& folder);

}  // namespace hone
