#include "kernels/lion/lion.h"

#include "tensor/partition.h"

namespace hone {
namespace {

void Range(int64_t n, const LionFactors& factors, const float* gradient, float* value, float* m) {
    for (int64_t i = 0; i < n; ++i) {
        const float away = gradient[i] * factors.gradient_scale - m[i];
        const float mean = m[i] + factors.rest1 * away;
        const float sign = static_cast<float>(mean > 0) - static_cast<float>(mean < 0);
        value[i] = value[i] * factors.decay - factors.rate * sign;
        m[i] += factors.rest2 * away;
    }
}

}  // namespace

const KernelList<AnyProblem, LionFunctions>& LionKernels() {
    static const KernelList<AnyProblem, LionFunctions> list(
        "lion", {{"highway", NeedsSimd<AnyProblem>, LionHighway()},
                 {"reference", NeverDeclines<AnyProblem>, {Range}}});
    return list;
}

void LionStep(const Context& context, int64_t n, const LionFactors& factors, const float* gradient,
              float* value, float* m) {
    const LionFunctions& functions = LionKernels().Choose({});
    ForElements(context, n, [&](int64_t first, int64_t count) {
        functions.range(count, factors, gradient + first, value + first, m + first);
    });
}

}  // namespace hone
