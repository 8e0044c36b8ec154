// --method lora: an adapter beside a frozen base.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "adapt/lora.h"
#include "train/method/method.h"

namespace hone {

class LoraMethod : public Method {
  public:
    std::string_view name() const override { return "lora"; }
    std::span<const OptionDefault> defaults() const override;
    std::string_view why_not_others() const override { return "quantises nothing"; }
    std::string_view peft_type() const override { return "LORA"; }
    int64_t Rank(const FinetuneOptions& options) const override { return options.lora.r; }
    WeightStorage Storage(const FinetuneOptions& options) const override;
    std::string_view smaller_base() const override { return "--method qlora"; }
    std::string_view fewer_parameters() const override {
        return "--method qlora, a smaller --lora_r";
    }
    std::string Headline(const FinetuneOptions& options) const override;
    absl::StatusOr<std::unique_ptr<EngineLearner>> MakeLearner(
        const FinetuneOptions& options, const ModelFiles& files, Model& model,
        const Context& context) const override;
};

// An adapter of either kind; checkpoints hold what is delivered, PEFT's folder.
class LoraLearner : public EngineLearner {
  public:
    // `config` is what was applied to the model; `fresh`: it starts as the base is.
    LoraLearner(Model& model, LoraConfig config, bool fresh, const Context& context)
        : EngineLearner(model, context), config_(std::move(config)), fresh_(fresh) {}
    // Modules that are trained in full have taken the place of the base's.
    bool CanLeaveOutTrained() const override { return fresh_ && config_.modules_to_save.empty(); }
    absl::Status Save(const std::string& folder) override;
    absl::Status Restore(const std::string& folder) override;
    std::string Summary() const override;
    nlohmann::ordered_json Configuration() const override;
    std::string artifact() const override { return "adapter"; }
    std::string weights_file() const override { return AdapterWeightsName(config_); }
    absl::Status Deliver(const std::string& folder) override { return Save(folder); }
    absl::Status CheckDelivered(const std::string& folder) override;

  private:
    LoraConfig config_;
    bool fresh_;
};

}  // namespace hone
