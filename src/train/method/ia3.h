// --method ia3: learned vectors that scale keys, values and what the MLPs' last layers take in
// (arXiv:2205.05638).
#pragma once

#include "train/method/lora.h"

namespace hone {

class Ia3Method : public LoraMethod {
  public:
    std::string_view name() const override { return "ia3"; }
    std::span<const OptionDefault> defaults() const override;
    std::string_view why_not_others() const override {
        return "trains a vector a layer and has no low rank; leave it out";
    }
    WeightStorage Storage(const FinetuneOptions& options) const override {
        return WeightStorage::kNative;
    }
    std::string_view peft_type() const override { return "IA3"; }
    int64_t Rank(const FinetuneOptions& options) const override { return 0; }
    std::string_view fewer_parameters() const override { return ""; }
    ResultWords Words() const override {
        return {.article = "An", .name = "IA3 adapter", .tag = "ia3"};
    }
    std::string Headline(const FinetuneOptions& options) const override { return "IA3"; }
};

}  // namespace hone
