// A model of the engine, as the loop's Learner; and what differs by --method: which parameters it
// gets, what a checkpoint holds of them, and in which form the result is delivered.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "adapt/lora.h"
#include "model/files/model_files.h"
#include "nlohmann/json.hpp"
#include "tensor/dtype.h"
#include "train/loop/learner.h"
#include "train/options.h"

namespace hone {

class EngineLearner : public Learner {
  public:
    // Adds the parameters that options.method trains to a freshly loaded model, at their start
    // values. The references outlive the learner; `files` are the model's.
    static absl::StatusOr<std::unique_ptr<EngineLearner>> Create(const FinetuneOptions& options,
                                                                 const ModelFiles& files,
                                                                 Model& model,
                                                                 const Context& context);

    ParameterSet& parameters() override { return model_.parameters(); }
    absl::StatusOr<LossSums> ForwardBackward(const Batch& batch, float loss_scale,
                                             uint64_t dropout_seed) override {
        return model_.ForwardBackward(context_, batch, loss_scale, dropout_seed);
    }
    absl::StatusOr<LossSums> Evaluate(const Batch& batch) override {
        return model_.Evaluate(context_, batch);
    }
    void ParametersChanged() override { model_.ParametersChanged(context_); }
    absl::Status CheckBaseIsFinite() override { return CheckFinite(model_.files(), context_); }
    absl::Status CheckBaseIsThere() override { return model_.files().weights->CheckUnchanged(); }

    // For the plan: "lora r=16 alpha=32 on 210 layers", with what holds the base if not its type.
    virtual std::string Summary() const = 0;
    // What of the method the result depends on, beside the base: for the checkpoints.
    virtual nlohmann::ordered_json Configuration() const = 0;
    // OUTPUT/NAME holds the result, its weights in the file of that name.
    virtual std::string artifact() const = 0;
    virtual std::string weights_file() const = 0;
    // Writes the result into the folder.
    virtual absl::Status Deliver(const std::string& folder) = 0;
    // Reads it back; an error of kind kTraining or kModel where it is not what Deliver wrote.
    virtual absl::Status CheckDelivered(const std::string& folder) = 0;

  protected:
    EngineLearner(Model& model, const Context& context) : model_(model), context_(context) {}
    Model& model_;
    const Context& context_;
};

// A LoRA adapter; checkpoints hold what is delivered, PEFT's folder.
class LoraLearner : public EngineLearner {
  public:
    // `config` is what was applied to the model.
    LoraLearner(Model& model, LoraConfig config, const Context& context)
        : EngineLearner(model, context), config_(std::move(config)) {}
    absl::Status Save(const std::string& folder) override;
    absl::Status Restore(const std::string& folder) override;
    std::string Summary() const override;
    nlohmann::ordered_json Configuration() const override;
    std::string artifact() const override { return "adapter"; }
    std::string weights_file() const override { return "adapter_model.safetensors"; }
    absl::Status Deliver(const std::string& folder) override { return Save(folder); }
    absl::Status CheckDelivered(const std::string& folder) override;

  private:
    LoraConfig config_;
};

// Every weight of the model: checkpoints hold the f32 masters, the result is a Hugging Face folder
// with the weights as `dtype`.
class FullLearner : public EngineLearner {
  public:
    FullLearner(Model& model, const ModelFiles& files, DType dtype, const Context& context)
        : EngineLearner(model, context), files_(files), dtype_(dtype) {}
    absl::Status Save(const std::string& folder) override;
    absl::Status Restore(const std::string& folder) override;
    std::string Summary() const override;
    nlohmann::ordered_json Configuration() const override;
    std::string artifact() const override { return "model"; }
    std::string weights_file() const override { return "model.safetensors"; }
    absl::Status Deliver(const std::string& folder) override;
    absl::Status CheckDelivered(const std::string& folder) override;

  private:
    std::span<const float> Values(const ModelTensor& tensor) const;
    const ModelFiles& files_;
    DType dtype_;
};

}  // namespace hone
