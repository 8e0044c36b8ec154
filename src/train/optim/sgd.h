// --optim sgd: torch.optim.SGD as transformers makes it, without momentum: value -= rate *
// (gradient
// + weight_decay * value). It keeps nothing.
#pragma once

#include <vector>

#include "train/optim/optimizer.h"

namespace hone {

class Sgd : public Optimizer {
  public:
    Sgd(const OptimizerOptions& options, const ParameterSet& parameters)
        : Optimizer(parameters), runs_(RunsOf(options, parameters)) {}
    void Step(const Context& context, const OptimizerStep& step, ParameterSet& parameters) override;
    std::vector<OptimizerState> States() override { return {}; }

  protected:
    void Take(Arena&) override {}

  private:
    std::vector<ParameterRun> runs_;
};

}  // namespace hone
