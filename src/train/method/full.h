// --method full: every weight of the model.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "train/method/method.h"

namespace hone {

class FullMethod : public Method {
  public:
    std::string_view name() const override { return "full"; }
    std::span<const OptionDefault> defaults() const override;
    std::string_view why_not_others() const override {
        return "trains every weight of the model, without an adapter; leave it out";
    }
    WeightStorage Storage(const FinetuneOptions& options) const override {
        return WeightStorage::kNative;
    }
    bool TrainsBase() const override { return true; }
    std::string_view smaller_base() const override { return "--method lora"; }
    std::string_view fewer_parameters() const override { return "--method lora"; }
    DType ResultType(const FinetuneOptions& options) const override;
    ResultWords Words() const override {
        return {.name = "Fine-tuned model",
                .tag = "full-fine-tuning",
                .library = "transformers",
                .trained = "every weight"};
    }
    std::string Headline(const FinetuneOptions& options) const override { return "every weight"; }
    absl::StatusOr<std::unique_ptr<EngineLearner>> MakeLearner(
        const FinetuneOptions& options, const ModelFiles& files, Model& model,
        const Context& context) const override;
};

// Some or all weights of the model. Checkpoints hold the f32 masters of what is trained, the result
// is a Hugging Face folder with all weights as `dtype`.
class FullLearner : public EngineLearner {
  public:
    // `method`: its name.
    FullLearner(Model& model, const ModelFiles& files, DType dtype, std::string_view method,
                const Context& context)
        : EngineLearner(model, context), files_(files), dtype_(dtype), method_(method) {}
    absl::Status Save(const std::string& folder) override;
    absl::Status Restore(const std::string& folder) override;
    std::string Summary() const override;
    nlohmann::ordered_json Configuration() const override;
    std::string artifact() const override { return "model"; }
    std::string weights_file() const override { return "model.safetensors"; }
    absl::Status Deliver(const std::string& folder) override;
    absl::Status CheckDelivered(const std::string& folder) override;

  private:
    // The tensor's numbers, until the next call: as they are trained, or the base's own.
    absl::StatusOr<std::span<const float>> Values(const ModelTensor& tensor);
    const ModelFiles& files_;
    DType dtype_;
    std::string method_;
    std::vector<float> frozen_;
};

}  // namespace hone
