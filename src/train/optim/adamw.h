// --optim adamw_torch: torch.optim.AdamW (kernels/adamw).
#pragma once

#include <vector>

#include "kernels/adamw/adamw.h"
#include "train/optim/optimizer.h"

namespace hone {

class AdamWOptimizer : public Optimizer {
  public:
    AdamWOptimizer(const OptimizerOptions& options, const ParameterSet& parameters);
    void Step(const Context& context, const OptimizerStep& step, ParameterSet& parameters) override;
    std::vector<OptimizerState> States() override;

  protected:
    void Take(Arena& arena) override;

  private:
    AdamWOptions adamw_;
    std::vector<ParameterRun> runs_;
    float *m_ = nullptr, *v_ = nullptr;  // [parameters]
};

// What of these options AdamW takes, and what a run of parameters gets in a step.
AdamWOptions AdamWOptionsOf(const OptimizerOptions& options);
AdamWOptions AdamWOptionsOf(AdamWOptions adamw, const OptimizerStep& step, const ParameterRun& run);

}  // namespace hone
