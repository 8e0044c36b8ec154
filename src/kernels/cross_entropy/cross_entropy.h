// Softmax cross-entropy over rows of logits, with its gradient written over them.
//
// Arithmetic is f32 per element; the sum of exponentials of a row is taken in f32 lanes over blocks
// and in double across them. A row is one thread's work: results are the same bits on any number of
// threads.
#pragma once

#include "kernels/dispatch/dispatch.h"
#include "tensor/context.h"

namespace hone {

struct CrossEntropyOptions {
    float soft_cap = 0;  // z = soft_cap * tanh(logit / soft_cap) first (Gemma 2); 0: none
    float scale = 1;     // of the gradient, e.g. 1 / the labelled tokens of the step
    // The share s of a label that goes to all V evenly: the target's log-probability counts 1 - s,
    // and the mean of all s (Szegedy et al. 2016, arXiv:1512.00567). 0: the target's alone.
    float label_smoothing = 0;
};

// logits f32 [M, V] (row r at logits + r * row_stride), targets i32 [M] in [0, V), or -1 for no
// loss; weights f32 [M] (0: no loss; below 0: the target is to become less likely) -> loss f64 [M]
// (=) = weight * -log softmax(z)[target];
// correct u8 [M] (=; may be nullptr) = 1 where the largest logit is the target's (the lowest index
// wins a tie) and there is a loss, else 0.
void CrossEntropyForward(const Context& context, int64_t M, int64_t V, const float* logits,
                         int64_t row_stride, const int32_t* targets, const float* weights,
                         const CrossEntropyOptions& options, double* loss, uint8_t* correct);

// The same, and overwrites the logits with the gradient as T: row r of T [M, V] starts where row r
// of the logits started, so in elements of T its stride is row_stride * sizeof(float) / sizeof(T).
// Rows without a loss become zeros.
//   dlogits = (softmax(z) - (1 - s) * onehot(target) - s / V) * weight * scale * dz/dlogit
// For bf16 the second half of each row's memory is left undefined.
template <typename T>
void CrossEntropyBackward(const Context& context, int64_t M, int64_t V, float* logits,
                          int64_t row_stride, const int32_t* targets, const float* weights,
                          const CrossEntropyOptions& options, double* loss, uint8_t* correct);

// One row. `stats` gives the largest (capped) logit, its lowest index and log(sum(exp(z))).
struct CrossEntropyStats {
    float max;
    int64_t argmax;
    double log_sum;
};
struct CrossEntropyFunctions {
    CrossEntropyStats (*stats)(int64_t V, const float* logits, float soft_cap);
    // In place: (softmax - onehot(target)) * factor * dz/dlogit.
    void (*gradient_f32)(int64_t V, float* logits, float soft_cap, float log_sum, int64_t target,
                         float factor);
    void (*gradient_bf16)(int64_t V, float* logits, float soft_cap, float log_sum, int64_t target,
                          float factor);
    // The sum of the (capped) logits.
    double (*sum)(int64_t V, const float* logits, float soft_cap);
    // In place: (softmax - (1 - smoothing) * onehot(target) - smoothing / V) * factor * dz/dlogit.
    void (*smooth_f32)(int64_t V, float* logits, float soft_cap, float log_sum, int64_t target,
                       float factor, float smoothing);
    void (*smooth_bf16)(int64_t V, float* logits, float soft_cap, float log_sum, int64_t target,
                        float factor, float smoothing);
};
const KernelList<AnyProblem, CrossEntropyFunctions>& CrossEntropyKernels();
CrossEntropyFunctions CrossEntropyHighway();

}  // namespace hone
