#include "kernels/distillation/distillation.h"

#include <algorithm>
#include <cmath>

#include "kernels/cross_entropy/cross_entropy.h"

namespace hone {
namespace {

float CappedLogit(float logit, float soft_cap) {
    return soft_cap > 0 ? soft_cap * std::tanh(logit / soft_cap) : logit;
}

double SoftLogSum(int64_t n, const float* logits, float soft_cap, float inverse_temperature) {
    float max = -INFINITY;
    for (int64_t i = 0; i < n; ++i)
        max = std::max(max, CappedLogit(logits[i], soft_cap) * inverse_temperature);
    double sum = 0;
    for (int64_t i = 0; i < n; ++i)
        sum += std::exp(
            static_cast<double>(CappedLogit(logits[i], soft_cap) * inverse_temperature - max));
    return max + std::log(sum);
}

double Divergence(int64_t n, const float* logits, const float* teacher, float soft_cap,
                  float inverse_temperature, double log_sum, double teacher_log_sum) {
    double sum = 0;
    for (int64_t i = 0; i < n; ++i) {
        const double own = CappedLogit(logits[i], soft_cap) * inverse_temperature - log_sum;
        const double wanted = teacher[i] * inverse_temperature - teacher_log_sum;
        sum += std::exp(wanted) * (wanted - own);
    }
    return sum;
}

// Front to back, since element i of T ends no later than element i of float begins to be needed.
template <typename T>
void GradientOfRow(int64_t V, float* logits, const float* teacher, const DistillationGradient& g) {
    for (int64_t i = 0; i < V; ++i) {
        const float z = CappedLogit(logits[i], g.soft_cap);
        float slope = (std::exp(z - g.log_sum) - (i == g.target ? 1.0f : 0.0f)) * g.label_factor;
        if (i < g.shared)
            slope += (std::exp(z * g.inverse_temperature - g.soft_log_sum) -
                      std::exp(teacher[i] * g.inverse_temperature - g.teacher_log_sum)) *
                     g.teacher_factor;
        if (g.soft_cap > 0) slope *= 1 - (z / g.soft_cap) * (z / g.soft_cap);
        const T rounded = FromFloat<T>(slope);
        __builtin_memcpy(reinterpret_cast<char*>(logits) + i * sizeof(T), &rounded, sizeof(T));
    }
}

// The losses of row r, and what its gradient is made of; false where it has no loss.
bool JudgeRow(int64_t r, const DistillationRows& rows, const float* logits,
              const DistillationOptions& options, const DistillationFunctions& functions,
              DistillationGradient* gradient) {
    rows.label_losses[r] = rows.divergences[r] = 0;
    rows.correct[r] = 0;
    const float weight = rows.weights[r];
    if (rows.targets[r] < 0 || weight == 0) return false;
    HONE_CHECK(rows.targets[r] < rows.V, "target {} of {} logits", rows.targets[r], rows.V);
    const CrossEntropyFunctions& labels = CrossEntropyKernels().Choose({});
    const float* teacher = rows.teacher + r * rows.teacher_V;
    const int64_t shared = std::min(rows.V, rows.teacher_V);
    const float inverse = 1 / options.temperature;
    const CrossEntropyStats stats = labels.stats(rows.V, logits, options.soft_cap);
    const double own = functions.soft_log_sum(shared, logits, options.soft_cap, inverse),
                 wanted = functions.soft_log_sum(shared, teacher, 0, inverse);
    rows.label_losses[r] =
        weight * (stats.log_sum - CappedLogit(logits[rows.targets[r]], options.soft_cap));
    rows.divergences[r] =
        weight * options.temperature * options.temperature *
        functions.divergence(shared, logits, teacher, options.soft_cap, inverse, own, wanted);
    rows.correct[r] = stats.argmax == rows.targets[r];
    const float factor = weight * options.scale;
    *gradient = {.soft_cap = options.soft_cap,
                 .log_sum = static_cast<float>(stats.log_sum),
                 .label_factor = factor * (1 - options.alpha),
                 // T^2 times the 1 / T of d(z / T)/dz.
                 .teacher_factor = factor * options.alpha * options.temperature,
                 .inverse_temperature = inverse,
                 .soft_log_sum = static_cast<float>(own),
                 .teacher_log_sum = static_cast<float>(wanted),
                 .target = rows.targets[r],
                 .shared = shared};
    return true;
}

}  // namespace

const KernelList<AnyProblem, DistillationFunctions>& DistillationKernels() {
    static const KernelList<AnyProblem, DistillationFunctions> list(
        "distillation", {{"highway", NeedsSimd<AnyProblem>, DistillationHighway()},
                         {"reference",
                          NeverDeclines<AnyProblem>,
                          {SoftLogSum, Divergence, GradientOfRow<float>, GradientOfRow<bf16>}}});
    return list;
}

void DistillationForward(const Context& context, const DistillationRows& rows, const float* logits,
                         const DistillationOptions& options) {
    const DistillationFunctions& functions = DistillationKernels().Choose({});
    context.ParallelFor(rows.M, [&](int64_t r, int) {
        DistillationGradient gradient;
        JudgeRow(r, rows, logits + r * rows.row_stride, options, functions, &gradient);
    });
}

template <typename T>
void DistillationBackward(const Context& context, const DistillationRows& rows, float* logits,
                          const DistillationOptions& options) {
    const DistillationFunctions& functions = DistillationKernels().Choose({});
    const auto write =
        sizeof(T) == sizeof(float) ? functions.gradient_f32 : functions.gradient_bf16;
    context.ParallelFor(rows.M, [&](int64_t r, int) {
        float* row = logits + r * rows.row_stride;
        DistillationGradient gradient;
        if (JudgeRow(r, rows, row, options, functions, &gradient))
            write(rows.V, row, rows.teacher + r * rows.teacher_V, gradient);
        else
            __builtin_memset(row, 0, static_cast<size_t>(rows.V) * sizeof(T));
    });
}

template void DistillationBackward<float>(const Context&, const DistillationRows&, float*,
                                          const DistillationOptions&);
template void DistillationBackward<bf16>(const Context&, const DistillationRows&, float*,
                                         const DistillationOptions&);

}  // namespace hone
