// --method adapter: bottleneck adapters behind the halves of each layer (arXiv:1902.00751).
#pragma once

#include <string>

#include "train/method/lora.h"

namespace hone {

class BottleneckMethod : public LoraMethod {
  public:
    std::string_view name() const override { return "adapter"; }
    std::span<const OptionDefault> defaults() const override { return {}; }
    std::string_view why_not_others() const override {
        return "trains layers of its own behind those of the model; leave it out";
    }
    absl::Status CheckModel(const FinetuneOptions& options, const ModelFiles& files) const override;
    WeightStorage Storage(const FinetuneOptions& options) const override {
        return WeightStorage::kNative;
    }
    std::string_view peft_type() const override { return "BOTTLENECK"; }
    bool AdaptsLayers() const override { return false; }
    std::string_view ForHeads() const override { return "ia3"; }
    int64_t Rank(const FinetuneOptions& options) const override { return 0; }
    std::string_view fewer_parameters() const override {
        return "a larger --adapter_reduction_factor";
    }
    ResultWords Words() const override {
        return {.name = "bottleneck adapter",
                .tag = "adapter",
                .library = "adapter-transformers",
                .python =
                    "`adapters.init(base)`, then `base.load_adapter(\"adapter\", "
                    "use_safetensors=True, set_active=True)`"};
    }
    std::string Headline(const FinetuneOptions& options) const override {
        return options.bottleneck.adapter_config + " adapters";
    }
};

}  // namespace hone
