// --method qlora: LoRA over a base in 4 bits (arXiv:2305.14314), or in the blocks of its GGUF file.
#pragma once

#include "train/method/lora.h"

namespace hone {

class QloraMethod : public LoraMethod {
  public:
    std::string_view name() const override { return "qlora"; }
    std::span<const OptionDefault> defaults() const override;
    std::string_view why_not_others() const override { return "holds the base in 4 bits already"; }
    absl::Status CheckModel(const FinetuneOptions& options, const ModelFiles& files) const override;
    WeightStorage Storage(const FinetuneOptions& options) const override {
        return options.quant_type == "gguf" ? WeightStorage::kGgufBlocks : WeightStorage::kNf4;
    }
    bool QuantizesBase() const override { return true; }
    std::string_view smaller_base() const override { return ""; }
    std::string_view fewer_parameters() const override { return "a smaller --lora_r"; }
    std::string Headline(const FinetuneOptions& options) const override {
        return "Q" + LoraMethod::Headline(options);
    }
};

}  // namespace hone
