// A model of the engine with its adapter, as the loop's Learner.
#pragma once

#include <string>
#include <utility>

#include "adapt/lora.h"
#include "train/learner.h"

namespace hone {

class EngineLearner : public Learner {
  public:
    // Both references outlive it. The model is prepared for training; `config` is what was applied
    // to it.
    EngineLearner(Model& model, LoraConfig config, const Context& context)
        : model_(model), config_(std::move(config)), context_(context) {}

    ParameterSet& parameters() override { return model_.parameters(); }
    absl::StatusOr<LossSums> ForwardBackward(const Batch& batch, float loss_scale,
                                             uint64_t dropout_seed) override {
        return model_.ForwardBackward(context_, batch, loss_scale, dropout_seed);
    }
    absl::StatusOr<LossSums> Evaluate(const Batch& batch) override {
        return model_.Evaluate(context_, batch);
    }
    void ParametersChanged() override { model_.ParametersChanged(context_); }
    absl::Status Save(const std::string& folder) override {
        return SaveAdapter(model_, config_, folder);
    }
    absl::Status Restore(const std::string& folder) override {
        return LoadAdapterWeights(model_, folder, context_);
    }

  private:
    Model& model_;
    LoraConfig config_;
    const Context& context_;
};

}  // namespace hone
