// --method prompt and --method prefix: learned tokens ahead of every text, with the model as it is.
#pragma once

#include <string>

#include "train/method/lora.h"

namespace hone {

// Their embeddings (arXiv:2104.08691).
class PromptMethod : public LoraMethod {
  public:
    std::string_view name() const override { return "prompt"; }
    std::span<const OptionDefault> defaults() const override;
    std::string_view why_not_others() const override {
        return "trains tokens ahead of the text and nothing in its layers; leave it out";
    }
    absl::Status CheckModel(const FinetuneOptions& options, const ModelFiles& files) const override;
    WeightStorage Storage(const FinetuneOptions& options) const override {
        return WeightStorage::kNative;
    }
    std::string_view peft_type() const override { return "PROMPT_TUNING"; }
    bool AdaptsLayers() const override { return false; }
    bool LiesInLayers() const override { return false; }
    int64_t Rank(const FinetuneOptions& options) const override { return 0; }
    std::string_view fewer_parameters() const override { return "fewer --num_virtual_tokens"; }
    ResultWords Words() const override {
        return {.name = "prompt-tuning adapter", .tag = "prompt-tuning"};
    }
    std::string Headline(const FinetuneOptions& options) const override;
};

// Their keys and values in every layer (arXiv:2101.00190).
class PrefixMethod : public PromptMethod {
  public:
    std::string_view name() const override { return "prefix"; }
    std::string_view peft_type() const override { return "PREFIX_TUNING"; }
    std::string_view ForHeads() const override { return "prompt"; }
    ResultWords Words() const override {
        return {.name = "prefix-tuning adapter", .tag = "prefix-tuning"};
    }
    std::string Headline(const FinetuneOptions& options) const override;
};

// Starts the tokens of prompt tuning as the words of prompt_tuning_init_text, over and over, or the
// first of them. An error of kind kUsage where the text has no token.
absl::Status StartFromText(const LoraConfig& config, Model& model, const Context& context);

}  // namespace hone
