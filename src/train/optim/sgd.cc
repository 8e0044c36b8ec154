#include "train/optim/sgd.h"

#include "tensor/partition.h"

namespace hone {

void Sgd::Step(const Context& context, const OptimizerStep& step, ParameterSet& parameters) {
    const float* gradients = parameters.gradients().data();
    float* values = parameters.values().data();
    for (const ParameterRun& run : runs_) {
        const float rate = static_cast<float>(step.learning_rate * run.rate),
                    decay = static_cast<float>(run.weight_decay);
        ForElements(context, run.count, [&](int64_t first, int64_t count) {
            for (int64_t i = run.offset + first; i < run.offset + first + count; ++i)
                values[i] -= rate * (gradients[i] * step.gradient_scale + decay * values[i]);
        });
    }
}

}  // namespace hone
