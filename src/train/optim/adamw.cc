#include "train/optim/adamw.h"

namespace hone {

AdamWOptions AdamWOptionsOf(const OptimizerOptions& options) {
    AdamWOptions adamw;
    adamw.beta1 = options.beta1;
    adamw.beta2 = options.beta2;
    adamw.eps = options.eps;
    return adamw;
}

AdamWOptions AdamWOptionsOf(AdamWOptions adamw, const OptimizerStep& step,
                            const ParameterRun& run) {
    adamw.learning_rate = static_cast<float>(step.learning_rate * run.rate);
    adamw.weight_decay = run.weight_decay;
    adamw.step = step.number;
    adamw.gradient_scale = step.gradient_scale;
    return adamw;
}

AdamWOptimizer::AdamWOptimizer(const OptimizerOptions& options, const ParameterSet& parameters)
    : Optimizer(parameters), adamw_(AdamWOptionsOf(options)), runs_(RunsOf(options, parameters)) {}

void AdamWOptimizer::Take(Arena& arena) {
    m_ = arena.Take<float>(parameters_.count());
    v_ = arena.Take<float>(parameters_.count());
}

void AdamWOptimizer::Step(const Context& context, const OptimizerStep& step,
                          ParameterSet& parameters) {
    for (const ParameterRun& run : runs_)
        AdamWStep(context, run.count, AdamWOptionsOf(adamw_, step, run),
                  parameters.gradients().data() + run.offset,
                  parameters.values().data() + run.offset, m_ + run.offset, v_ + run.offset);
}

std::vector<OptimizerState> AdamWOptimizer::States() {
    std::vector<OptimizerState> states;
    AddFlatStates("exp_avg.", parameters_, m_, states);
    AddFlatStates("exp_avg_sq.", parameters_, v_, states);
    return states;
}

}  // namespace hone
