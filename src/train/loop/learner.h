// What the training loop trains: parameters with gradients, whatever the method and the machine
// behind them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"
#include "model/linear/parameters.h"
#include "model/model.h"
#include "tensor/batch.h"

namespace hone {

class Learner {
  public:
    virtual ~Learner() = default;

    virtual ParameterSet& parameters() = 0;
    // gradients += loss_scale * d(sum of weighted losses)/d(parameters). The seed fixes dropout.
    virtual absl::StatusOr<LossSums> ForwardBackward(const Batch& batch, float loss_scale,
                                                     uint64_t dropout_seed) = 0;
    // The sums alone, without dropout; of each document too, where `per_document` is given.
    virtual absl::StatusOr<LossSums> Evaluate(const Batch& batch,
                                              std::vector<LossSums>* per_document = nullptr) = 0;
    // What a loss of embeddings needs, and one of single tokens: Model's passes of these names.
    virtual absl::Status Hidden(const Batch& batch, float* hidden) { return HasNone("states"); }
    virtual absl::Status HiddenBackward(const Batch& batch, const float* slopes,
                                        uint64_t dropout_seed) {
        return HasNone("states");
    }
    virtual absl::Status TokenLosses(const Batch& batch, double* losses) {
        return HasNone("losses of tokens");
    }
    // What a teacher needs: likewise.
    virtual absl::StatusOr<DistilledSums> DistilForwardBackward(const Batch& batch,
                                                                const SoftTargets& targets,
                                                                float loss_scale,
                                                                uint64_t dropout_seed) {
        return HasNone("logits");
    }
    virtual absl::StatusOr<DistilledSums> DistilEvaluate(const Batch& batch,
                                                         const SoftTargets& targets) {
        return HasNone("logits");
    }
    // Whether what is trained can be left out, and what is left is the model that training started
    // from: until UseTrained(true), Evaluate then goes without it.
    virtual bool CanLeaveOutTrained() const { return false; }
    virtual void UseTrained(bool use) {}
    // After parameters().values() changed.
    virtual void ParametersChanged() = 0;
    // Writes the trained weights into a checkpoint's folder.
    virtual absl::Status Save(const std::string& folder) = 0;
    // parameters().values() = what Save wrote, to the bit.
    virtual absl::Status Restore(const std::string& folder) = 0;
    // After a loss that is no number: an error that names it where the base has one among its
    // weights, so that nothing else is to blame. Takes as long as reading the model.
    virtual absl::Status CheckBaseIsFinite() { return absl::OkStatus(); }
    // Cheap, before each step: an error where the base's files were cut, written to or replaced
    // since they were read, so that what is trained is for a base that is gone.
    virtual absl::Status CheckBaseIsThere() { return absl::OkStatus(); }

  private:
    static absl::Status HasNone(std::string_view what) {
        return OtherError("what is trained shows no {}", what);
    }
};

}  // namespace hone
