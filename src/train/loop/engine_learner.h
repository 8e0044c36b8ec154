// A model of the engine, as the loop's Learner. What differs by --method is in train/method: which
// parameters the model gets, what a checkpoint holds of them, and what is delivered.
#pragma once

#include <string>

#include "model/files/model_files.h"
#include "nlohmann/json.hpp"
#include "train/loop/learner.h"

namespace hone {

class EngineLearner : public Learner {
  public:
    ParameterSet& parameters() override { return model_.parameters(); }
    absl::StatusOr<LossSums> ForwardBackward(const Batch& batch, float loss_scale,
                                             uint64_t dropout_seed) override {
        return model_.ForwardBackward(context_, batch, loss_scale, dropout_seed);
    }
    absl::StatusOr<LossSums> Evaluate(const Batch& batch,
                                      std::vector<LossSums>* per_document) override {
        return model_.Evaluate(context_, batch, per_document);
    }
    absl::Status Hidden(const Batch& batch, float* hidden) override {
        return model_.Hidden(context_, batch, hidden);
    }
    absl::Status HiddenBackward(const Batch& batch, const float* slopes,
                                uint64_t dropout_seed) override {
        return model_.HiddenBackward(context_, batch, slopes, dropout_seed);
    }
    absl::Status TokenLosses(const Batch& batch, double* losses) override {
        return model_.TokenLosses(context_, batch, losses);
    }
    absl::StatusOr<DistilledSums> DistilForwardBackward(const Batch& batch,
                                                        const SoftTargets& targets,
                                                        float loss_scale,
                                                        uint64_t dropout_seed) override {
        return model_.DistilForwardBackward(context_, batch, targets, loss_scale, dropout_seed);
    }
    absl::StatusOr<DistilledSums> DistilEvaluate(const Batch& batch,
                                                 const SoftTargets& targets) override {
        return model_.DistilEvaluate(context_, batch, targets);
    }
    void UseTrained(bool use) override { model_.UseLowRank(use); }
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
    // The error of CheckDelivered where other numbers come back.
    static absl::Status NotReadBack(const std::string& folder) {
        return TrainingError("{} does not read back as it was written; look at the disk", folder);
    }
    EngineLearner(Model& model, const Context& context) : model_(model), context_(context) {}
    Model& model_;
    const Context& context_;
};

}  // namespace hone
