// AdamW as torch.optim.AdamW defines it (Loshchilov & Hutter, "Decoupled Weight Decay Regularization", 2019), fused over
// flat buffers. Element by element in f32: results are the same bits on any number of threads.
#pragma once

#include "kernels/dispatch.h"
#include "tensor/context.h"

namespace hone {

struct AdamWOptions {
    float learning_rate = 1e-3f;
    float beta1 = 0.9f;
    float beta2 = 0.999f;
    float eps = 1e-8f;
    float weight_decay = 0.01f;
    int64_t step = 1;          // this step's number, from 1: for the bias correction
    float gradient_scale = 1;  // multiplies the gradient first: clipping, or 1 / the loss scale
};

// n elements: g = gradient * gradient_scale; value *= 1 - lr * weight_decay; m = lerp(m, g, 1 - beta1);
// v = beta2 * v + (1 - beta2) * g^2; value -= lr / (1 - beta1^step) * m / (sqrt(v / (1 - beta2^step)) + eps).
// value, m, v are updated in place; gradient is only read. No aliasing.
void AdamWStep(const Context& context, int64_t n, const AdamWOptions& options, const float* gradient, float* value,
               float* m, float* v);

// The numbers of one step that do not depend on the element.
struct AdamWFactors {
    float gradient_scale, decay, beta1, beta2, eps;
    float step_size;              // lr / (1 - beta1^step)
    float inverse_sqrt_correction;  // 1 / sqrt(1 - beta2^step)
};
struct AdamWFunctions {
    void (*range)(int64_t n, const AdamWFactors& factors, const float* gradient, float* value, float* m, float* v);
};
const KernelList<AnyProblem, AdamWFunctions>& AdamWKernels();
AdamWFunctions AdamWHighway();

}  // namespace hone
