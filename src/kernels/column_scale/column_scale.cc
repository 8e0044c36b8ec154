#include "kernels/column_scale/column_scale.h"

#include "tensor/partition.h"

namespace hone {
namespace {

template <typename T, typename Out, bool kAdd>
void Row(int64_t n, const T* u, const float* factors, const float* bias, Out* y) {
    for (int64_t i = 0; i < n; ++i) {
        float value = ToFloat(u[i]) * factors[i] + bias[i];
        if constexpr (kAdd) value += y[i];
        y[i] = FromFloat<Out>(value);
    }
}

template <typename T>
void Products(int64_t m, int64_t n, const T* a, int64_t a_stride, const T* b, int64_t b_stride,
              const float* factors, float* sums) {
    for (int64_t i = 0; i < n; ++i) {
        float sum = 0;
        for (int64_t row = 0; row < m; ++row)
            sum += ToFloat(a[row * a_stride + i]) * ToFloat(b[row * b_stride + i]);
        sums[i] += factors[i] * sum;
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

template <typename T>
void AddColumnProducts(const Context& context, int64_t m, int64_t n, const T* a, int64_t a_stride,
                       const T* b, int64_t b_stride, const float* factors, float* sums) {
    const ColumnScaleFunctions<T>& functions = ColumnScaleKernels<T>().Choose({});
    ForColumns(context, n, [&](int64_t first, int64_t count) {
        functions.products(m, count, a + first, a_stride, b + first, b_stride, factors + first,
                           sums + first);
    });
}

#define HONE_INSTANTIATE(T)                                                                  \
    template const KernelList<AnyProblem, ColumnScaleFunctions<T>>& ColumnScaleKernels<T>(); \
    template void ScaleColumns<T>(const Context&, const ColumnScaleArgs<T>&);                \
    template void AddColumnProducts<T>(const Context&, int64_t, int64_t, const T*, int64_t,  \
                                       const T*, int64_t, const float*, float*);
HONE_INSTANTIATE(float)
HONE_INSTANTIATE(bf16)
#undef HONE_INSTANTIATE

}  // namespace hone
