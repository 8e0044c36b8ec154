// The base of runs that come one after another: it stays in memory from one to the next.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "model/model.h"

namespace hone {

class SharedBase {
  public:
    bool empty() const { return model_ == nullptr; }
    // The model that was left here, if it has these weights and is held so; else null. Either way
    // nothing is left.
    std::unique_ptr<Model> Take(const std::string& fingerprint, const LoadOptions& loading) {
        const bool same = fingerprint == fingerprint_ && loading == loading_;
        std::unique_ptr<Model> model = std::move(model_);
        return same ? std::move(model) : nullptr;
    }
    // Keeps the model without what was trained of it, unless that was some of the base's own
    // weights.
    void Leave(std::unique_ptr<Model> model, std::string fingerprint, const LoadOptions& loading) {
        if (!model->DropLowRank()) return;
        model_ = std::move(model);
        fingerprint_ = std::move(fingerprint);
        loading_ = loading;
    }

  private:
    std::unique_ptr<Model> model_;
    std::string fingerprint_;
    LoadOptions loading_;
};

}  // namespace hone
