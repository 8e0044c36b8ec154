#include "kernels/column_scale/column_scale.h"

#include <algorithm>

#include "tensor/partition.h"

namespace hone {
namespace {

template <typename T, typename Out, bool kAdd>
void Row(int64_t n, const T* u, const float* factors, const float* bias, Out* y) {
    for (int64_t i = 0; i < n; ++i) {
        float value = ToFloat(u[i]) * factors[i] + (bias == nullptr ? 0.0f : bias[i]);
        if constexpr (kAdd) value += y[i];
        y[i] = FromFloat<Out>(value);
    }
}

template <typename T>
void Products(const ColumnProductsArgs<T>& args) {
    for (int64_t i = 0; i < args.n; ++i) {
        float sum = 0;
        for (int64_t row = 0; row < args.m; ++row) {
            const float value = ToFloat(args.a[row * args.a_stride + i]);
            sum += args.b == nullptr ? value : value * ToFloat(args.b[row * args.b_stride + i]);
            if (args.scaled != nullptr)
                args.scaled[row * args.scaled_stride + i] = FromFloat<T>(value * args.scale[i]);
        }
        args.sums[i] += (args.factors == nullptr ? 1.0f : args.factors[i]) * sum;
    }
}

}  // namespace

template <typename T>
const KernelList<AnyProblem, ColumnScaleFunctions<T>>& ColumnScaleKernels() {
    static const KernelList<AnyProblem, ColumnScaleFunctions<T>> list(
        "column_scale",
        {{"highway", NeedsSimd<AnyProblem>, ColumnScaleHighway<T>()},
         {"reference",
          NeverDeclines<AnyProblem>,
          {Row<T, T, false>, Row<T, float, false>, Row<T, float, true>, Products<T>}}});
    return list;
}

template <typename T>
void ScaleColumns(const Context& context, const ColumnScaleArgs<T>& args) {
    const ColumnScaleFunctions<T>& functions = ColumnScaleKernels<T>().Choose({});
    const auto f32 = args.output == GemmOutput::kAddF32 ? functions.add_f32 : functions.store_f32;
    ForRows(context, args.m, args.n, [&](int64_t first, int64_t count) {
        for (int64_t row = first; row < first + count; ++row) {
            const T* u = args.u + row * args.u_stride;
            const int64_t at = row * args.y_stride;
            if (args.output == GemmOutput::kStore)
                functions.store(args.n, u, args.factors, args.bias, static_cast<T*>(args.y) + at);
            else
                f32(args.n, u, args.factors, args.bias, static_cast<float*>(args.y) + at);
        }
    });
}

// A column is one thread's. Each thread has about as many of them, side by side, so that it reads
// long pieces of the rows.
template <typename T>
void AddColumnProducts(const Context& context, const ColumnProductsArgs<T>& args) {
    HONE_CHECK(args.scaled == nullptr || args.b != nullptr, "sums alone are not scaled");
    constexpr int64_t kFewColumns = 128, kColumnsPerLine = 32;  // of the CPU's caches
    const ColumnScaleFunctions<T>& functions = ColumnScaleKernels<T>().Choose({});
    const int64_t tasks = std::clamp<int64_t>(args.n / kFewColumns, 1, context.num_threads());
    const auto begin = [&](int64_t task) {
        return task == tasks ? args.n : args.n * task / tasks / kColumnsPerLine * kColumnsPerLine;
    };
    context.ParallelFor(tasks, [&](int64_t i, int) {
        functions.products(args.Columns(begin(i), begin(i + 1) - begin(i)));
    });
}

#define HONE_INSTANTIATE(T)                                                                  \
    template const KernelList<AnyProblem, ColumnScaleFunctions<T>>& ColumnScaleKernels<T>(); \
    template void ScaleColumns<T>(const Context&, const ColumnScaleArgs<T>&);                \
    template void AddColumnProducts<T>(const Context&, const ColumnProductsArgs<T>&);
HONE_INSTANTIATE(float)
HONE_INSTANTIATE(bf16)
#undef HONE_INSTANTIATE

}  // namespace hone
