// The loss of a student that learns from a teacher's probabilities beside the labels (Hinton et al.
// 2015, arXiv:1503.02531), over rows of logits, with its gradient written over the student's:
//   (1 - alpha) * cross-entropy + alpha * T^2 * KL(softmax(t / T) || softmax(z / T))
// z are the student's logits, t the teacher's. The divergence is over the outputs that both have,
// the first ones: what one has more is padding. T^2 keeps the gradients as large at any temperature
// T.
//
// Arithmetic is as in kernels/cross_entropy. A row is one thread's work: results are the same bits
// on any number of threads.
#pragma once

#include "kernels/dispatch/dispatch.h"
#include "tensor/context.h"

namespace hone {

struct DistillationOptions {
    float soft_cap = 0;     // of the student's logits, as CrossEntropyOptions::soft_cap
    float scale = 1;        // of the gradient
    float alpha = 0.5f;     // what the teacher's part counts, 0 to 1; the labels' the rest
    float temperature = 2;  // above 0
};

// The logits lie elsewhere: f32 [M, V], row r at logits + r * row_stride.
struct DistillationRows {
    int64_t M = 0, V = 0, row_stride = 0;
    const float* teacher = nullptr;  // f32 [M, teacher_V], caps of its own applied
    int64_t teacher_V = 0;
    // As CrossEntropyForward has them.
    const int32_t* targets = nullptr;  // i32 [M]
    const float* weights = nullptr;    // f32 [M]
    // Weight * cross-entropy, and weight * T^2 * KL: f64 [M] (=). 0 in rows without a loss.
    double *label_losses = nullptr, *divergences = nullptr;
    uint8_t* correct = nullptr;  // u8 [M] (=); as CrossEntropyForward has it
};

void DistillationForward(const Context& context, const DistillationRows& rows, const float* logits,
                         const DistillationOptions& options);

// The same, and overwrites the logits with scale * d(loss)/d(logits) as T, laid out as
// CrossEntropyBackward has it. Rows without a loss become zeros.
template <typename T>
void DistillationBackward(const Context& context, const DistillationRows& rows, float* logits,
                          const DistillationOptions& options);

// Of one row. `soft_cap` is of `logits`; the first `shared` outputs are those of the teacher too.
struct DistillationGradient {
    float soft_cap;
    float log_sum;         // log(sum(exp(z))) of all outputs
    float label_factor;    // of softmax(z) - onehot(target)
    float teacher_factor;  // of softmax(z / T) - softmax(t / T)
    float inverse_temperature;
    float soft_log_sum, teacher_log_sum;  // log(sum(exp(./T))) of the shared outputs
    int64_t target, shared;
};
struct DistillationFunctions {
    // log(sum(exp(z / T))).
    double (*soft_log_sum)(int64_t n, const float* logits, float soft_cap,
                           float inverse_temperature);
    // KL of the first n outputs. The two sums are those that soft_log_sum gives.
    double (*divergence)(int64_t n, const float* logits, const float* teacher, float soft_cap,
                         float inverse_temperature, double log_sum, double teacher_log_sum);
    void (*gradient_f32)(int64_t V, float* logits, const float* teacher,
                         const DistillationGradient& gradient);
    void (*gradient_bf16)(int64_t V, float* logits, const float* teacher,
                          const DistillationGradient& gradient);
};
const KernelList<AnyProblem, DistillationFunctions>& DistillationKernels();
DistillationFunctions DistillationHighway();

}  // namespace hone
