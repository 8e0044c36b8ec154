#include "kernels/cross_entropy/cross_entropy.h"

#include <cmath>

namespace hone {
namespace {

float Capped(float logit, float soft_cap) {
    return soft_cap > 0 ? soft_cap * std::tanh(logit / soft_cap) : logit;
}

CrossEntropyStats Stats(int64_t V, const float* logits, float soft_cap) {
    CrossEntropyStats stats{Capped(logits[0], soft_cap), 0, 0};
    for (int64_t i = 1; i < V; ++i) {
        const float z = Capped(logits[i], soft_cap);
        if (z > stats.max) stats.max = z, stats.argmax = i;
    }
    double sum = 0;
    for (int64_t i = 0; i < V; ++i)
        sum += std::exp(static_cast<double>(Capped(logits[i], soft_cap) - stats.max));
    stats.log_sum = stats.max + std::log(sum);
    return stats;
}

double SumOf(int64_t V, const float* logits, float soft_cap) {
    double sum = 0;
    for (int64_t i = 0; i < V; ++i) sum += Capped(logits[i], soft_cap);
    return sum;
}

// Element i of T ends no later than element i of float begins to be needed, so front to back is
// safe. Bytes are copied because the memory changes its type.
template <typename T>
void SmoothGradient(int64_t V, float* logits, float soft_cap, float log_sum, int64_t target,
                    float factor, float smoothing) {
    const float even = smoothing / static_cast<float>(V);
    for (int64_t i = 0; i < V; ++i) {
        const float z = Capped(logits[i], soft_cap), probability = std::exp(z - log_sum);
        float gradient = (probability - (i == target ? 1.0f - smoothing : 0.0f) - even) * factor;
        if (soft_cap > 0) gradient *= 1 - (z / soft_cap) * (z / soft_cap);
        const T rounded = FromFloat<T>(gradient);
        __builtin_memcpy(reinterpret_cast<char*>(logits) + i * sizeof(T), &rounded, sizeof(T));
    }
}

template <typename T>
void Gradient(int64_t V, float* logits, float soft_cap, float log_sum, int64_t target,
              float factor) {
    SmoothGradient<T>(V, logits, soft_cap, log_sum, target, factor, 0);
}

bool HasLoss(int32_t target, float weight) { return target >= 0 && weight != 0; }

// Loss and correctness of row r from its stats; false where there is no loss.
bool Judge(int64_t r, int64_t V, const CrossEntropyFunctions& functions, const float* logits,
           const int32_t* targets, const float* weights, const CrossEntropyOptions& options,
           double* loss, uint8_t* correct, CrossEntropyStats* stats) {
    const float soft_cap = options.soft_cap;
    loss[r] = 0;
    if (correct != nullptr) correct[r] = 0;
    if (!HasLoss(targets[r], weights[r])) return false;
    HONE_CHECK(targets[r] < V, "target {} of {} logits", targets[r], V);
    *stats = functions.stats(V, logits, soft_cap);
    const float own = logits[targets[r]];
    double likely = soft_cap > 0 ? soft_cap * std::tanh(own / soft_cap) : own;
    if (options.label_smoothing > 0)
        likely += options.label_smoothing *
                  (functions.sum(V, logits, soft_cap) / static_cast<double>(V) - likely);
    loss[r] = weights[r] * (stats->log_sum - likely);
    if (correct != nullptr) correct[r] = stats->argmax == targets[r];
    return true;
}

}  // namespace

const KernelList<AnyProblem, CrossEntropyFunctions>& CrossEntropyKernels() {
    static const KernelList<AnyProblem, CrossEntropyFunctions> list(
        "cross_entropy", {{"highway", NeedsSimd<AnyProblem>, CrossEntropyHighway()},
                          {"reference",
                           NeverDeclines<AnyProblem>,
                           {Stats, Gradient<float>, Gradient<bf16>, SumOf, SmoothGradient<float>,
                            SmoothGradient<bf16>}}});
    return list;
}

void CrossEntropyForward(const Context& context, int64_t M, int64_t V, const float* logits,
                         int64_t row_stride, const int32_t* targets, const float* weights,
                         const CrossEntropyOptions& options, double* loss, uint8_t* correct) {
    const CrossEntropyFunctions& functions = CrossEntropyKernels().Choose({});
    context.ParallelFor(M, [&](int64_t r, int) {
        CrossEntropyStats stats;
        Judge(r, V, functions, logits + r * row_stride, targets, weights, options, loss, correct,
              &stats);
    });
}

template <typename T>
void CrossEntropyBackward(const Context& context, int64_t M, int64_t V, float* logits,
                          int64_t row_stride, const int32_t* targets, const float* weights,
                          const CrossEntropyOptions& options, double* loss, uint8_t* correct) {
    const CrossEntropyFunctions& functions = CrossEntropyKernels().Choose({});
    const auto gradient =
        sizeof(T) == sizeof(float) ? functions.gradient_f32 : functions.gradient_bf16;
    const auto smooth = sizeof(T) == sizeof(float) ? functions.smooth_f32 : functions.smooth_bf16;
    context.ParallelFor(M, [&](int64_t r, int) {
        float* row = logits + r * row_stride;
        CrossEntropyStats stats;
        if (Judge(r, V, functions, row, targets, weights, options, loss, correct, &stats)) {
            const float log_sum = static_cast<float>(stats.log_sum),
                        factor = weights[r] * options.scale;
            if (options.label_smoothing > 0)
                smooth(V, row, options.soft_cap, log_sum, targets[r], factor,
                       options.label_smoothing);
            else
                gradient(V, row, options.soft_cap, log_sum, targets[r], factor);
        } else {
            __builtin_memset(row, 0, static_cast<size_t>(V) * sizeof(T));
        }
    });
}

template void CrossEntropyBackward<float>(const Context&, int64_t, int64_t, float*, int64_t,
                                          const int32_t*, const float*, const CrossEntropyOptions&,
                                          double*, uint8_t*);
template void CrossEntropyBackward<bf16>(const Context&, int64_t, int64_t, float*, int64_t,
                                         const int32_t*, const float*, const CrossEntropyOptions&,
                                         double*, uint8_t*);

}  // namespace hone
