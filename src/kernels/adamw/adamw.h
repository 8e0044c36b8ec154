// AdamW as torch.optim.AdamW defines it (Loshchilov & Hutter, "Decoupled Weight Decay
// Regularization", 2019), fused over flat buffers. Element by element in f32: results are the same
// bits on any number of threads.
#pragma once

#include "kernels/dispatch/dispatch.h"
#include "tensor/context.h"

namespace hone {

struct AdamWOptions {
    // double as in torch: 1 - 0.999f is off by 1e-5 relative.
    double learning_rate = 1e-3;
    double beta1 = 0.9;
    double beta2 = 0.999;
    double eps = 1e-8;
    double weight_decay = 0.01;
    int64_t step = 1;          // this step's number, from 1: for the bias correction
    float gradient_scale = 1;  // multiplies the gradient first: clipping, or 1 / the loss scale
};

// n elements: g = gradient * gradient_scale; value *= 1 - lr * weight_decay; m = lerp(m, g, 1 -
// beta1); v = beta2 * v + (1 - beta2) * g^2; value -= lr / (1 - beta1^step) * m / (sqrt(v / (1 -
// beta2^step)) + eps). value, m, v are updated in place; gradient is only read. No aliasing.
void AdamWStep(const Context& context, int64_t n, const AdamWOptions& options,
               const float* gradient, float* value, float* m, float* v);

// The numbers of one step that do not depend on the element.
struct AdamWFactors {
    float gradient_scale, decay, beta2, eps;
    float rest1, rest2;             // 1 - beta1, 1 - beta2
    float step_size;                // lr / (1 - beta1^step)
    float inverse_sqrt_correction;  // 1 / sqrt(1 - beta2^step)
};
AdamWFactors FactorsOf(const AdamWOptions& options);
struct AdamWFunctions {
    void (*range)(int64_t n, const AdamWFactors& factors, const float* gradient, float* value,
                  float* m, float* v);
};
const KernelList<AnyProblem, AdamWFunctions>& AdamWKernels();
AdamWFunctions AdamWHighway();

}  // namespace hone
