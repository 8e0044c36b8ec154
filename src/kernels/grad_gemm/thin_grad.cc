#include "kernels/grad_gemm/thin_grad.h"

#include <algorithm>

#include "kernels/packing/packing.h"

namespace hone {
namespace {

template <typename T>
void Run(const ThinGradArgs<T>& t) {
    for (int64_t row = 0; row < t.thin; ++row) {
        float* sums = t.sums + row * kThinColumns;
        std::fill_n(sums, t.columns, 0.0f);
        for (int64_t token = 0; token < t.tokens; ++token) {
            const float left = ToFloat(t.left[PackedIndex<T>(token, row, t.stored)]);
            for (int64_t column = 0; column < t.columns; ++column)
                sums[column] += left * ToFloat(t.x[token * t.x_stride + column]);
        }
    }
}

}  // namespace

template <>
const KernelList<AnyProblem, ThinGradFunctions<float>>& ThinGradKernels() {
    static const KernelList<AnyProblem, ThinGradFunctions<float>> kernels(
        "thin_grad", {{"highway", NeedsSimd<AnyProblem>, HighwayThinGrad<float>()},
                      {"reference", NeverDeclines<AnyProblem>, {Run<float>}}});
    return kernels;
}

template <>
const KernelList<AnyProblem, ThinGradFunctions<bf16>>& ThinGradKernels() {
    static const KernelList<AnyProblem, ThinGradFunctions<bf16>> kernels("thin_grad", {
#if defined(__x86_64__)
        {"avx512_bf16", [](const AnyProblem&) { return LacksAvx512Bf16(); }, Avx512ThinGrad()},
#endif
            {"highway", NeedsSimd<AnyProblem>, HighwayThinGrad<bf16>()},
            {"reference", NeverDeclines<AnyProblem>, {Run<bf16>}},
    });
    return kernels;
}

}  // namespace hone
