// Lion (Chen et al. 2023, arXiv:2302.06675): each number moves by the learning rate, in the
// direction of a mean of gradients. Element by element in f32: results are the same bits on any
// number of threads.
#pragma once

#include "kernels/dispatch/dispatch.h"
#include "tensor/context.h"

namespace hone {

struct LionFactors {
    float gradient_scale, decay;  // decay: 1 - lr * weight_decay
    float rest1, rest2;           // 1 - beta1, 1 - beta2
    float rate;
};

// n elements: g = gradient * gradient_scale; value = value * decay - rate * sign(lerp(m, g,
// rest1)); m = lerp(m, g, rest2). The sign of 0 is 0.
void LionStep(const Context& context, int64_t n, const LionFactors& factors, const float* gradient,
              float* value, float* m);

struct LionFunctions {
    void (*range)(int64_t n, const LionFactors& factors, const float* gradient, float* value,
                  float* m);
};
const KernelList<AnyProblem, LionFunctions>& LionKernels();
LionFunctions LionHighway();

}  // namespace hone
