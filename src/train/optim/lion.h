// --optim lion: bitsandbytes' Lion in 32 bits, with --adam_beta1 and --adam_beta2 as transformers'
// lion_32bit takes them (kernels/lion).
#pragma once

#include <vector>

#include "train/optim/optimizer.h"

namespace hone {

class Lion : public Optimizer {
  public:
    Lion(const OptimizerOptions& options, const ParameterSet& parameters);
    void Step(const Context& context, const OptimizerStep& step, ParameterSet& parameters) override;
    std::vector<OptimizerState> States() override;

  protected:
    void Take(Arena& arena) override { m_ = arena.Take<float>(parameters_.count()); }

  private:
    double beta1_, beta2_;
    std::vector<ParameterRun> runs_;
    float* m_ = nullptr;  // [parameters]
};

}  // namespace hone
