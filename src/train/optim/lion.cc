#include "train/optim/lion.h"

#include "kernels/lion/lion.h"

namespace hone {

Lion::Lion(const OptimizerOptions& options, const ParameterSet& parameters)
    : Optimizer(parameters),
      beta1_(options.beta1),
      beta2_(options.beta2),
      runs_(RunsOf(options, parameters)) {}

void Lion::Step(const Context& context, const OptimizerStep& step, ParameterSet& parameters) {
    for (const ParameterRun& run : runs_) {
        const double rate = step.learning_rate * run.rate;
        const LionFactors factors{step.gradient_scale,
                                  static_cast<float>(1 - rate * run.weight_decay),
                                  static_cast<float>(1 - beta1_), static_cast<float>(1 - beta2_),
                                  static_cast<float>(rate)};
        LionStep(context, run.count, factors, parameters.gradients().data() + run.offset,
                 parameters.values().data() + run.offset, m_ + run.offset);
    }
}

std::vector<OptimizerState> Lion::States() {
    std::vector<OptimizerState> states;
    AddFlatStates("exp_avg.", parameters_, m_, states);
    return states;
}

}  // namespace hone
