#include "kernels/adamw/adamw.h"

#include <cmath>

#include "tensor/partition.h"

namespace hone {
namespace {

void Range(int64_t n, const AdamWFactors& factors, const float* gradient, float* value, float* m,
           float* v) {
    for (int64_t i = 0; i < n; ++i) {
        const float g = gradient[i] * factors.gradient_scale;
        m[i] += factors.rest1 * (g - m[i]);
        v[i] = factors.beta2 * v[i] + factors.rest2 * g * g;
        const float root = std::sqrt(v[i]) * factors.inverse_sqrt_correction + factors.eps;
        value[i] = value[i] * factors.decay - factors.step_size * (m[i] / root);
    }
}

}  // namespace

const KernelList<AnyProblem, AdamWFunctions>& AdamWKernels() {
    static const KernelList<AnyProblem, AdamWFunctions> list(
        "adamw", {{"highway", NeedsSimd<AnyProblem>, AdamWHighway()},
                  {"reference", NeverDeclines<AnyProblem>, {Range}}});
    return list;
}

AdamWFactors FactorsOf(const AdamWOptions& options) {
    HONE_CHECK(options.step >= 1);
    const double step = static_cast<double>(options.step);
    const double correction1 = 1 - std::pow(options.beta1, step),
                 correction2 = 1 - std::pow(options.beta2, step);
    return {options.gradient_scale,
            static_cast<float>(1 - options.learning_rate * options.weight_decay),
            static_cast<float>(options.beta2),
            static_cast<float>(options.eps),
            static_cast<float>(1 - options.beta1),
            static_cast<float>(1 - options.beta2),
            static_cast<float>(options.learning_rate / correction1),
            static_cast<float>(1 / std::sqrt(correction2))};
}

void AdamWStep(const Context& context, int64_t n, const AdamWOptions& options,
               const float* gradient, float* value, float* m, float* v) {
    const AdamWFactors factors = FactorsOf(options);
    const auto& functions = AdamWKernels().Choose({});
    ForElements(context, n, [&](int64_t first, int64_t count) {
        functions.range(count, factors, gradient + first, value + first, m + first, v + first);
    });
}

}  // namespace hone
