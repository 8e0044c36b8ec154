#include "kernels/layernorm/layernorm.h"

#include <cmath>

#include "tensor/partition.h"

namespace hone {
namespace {

template <typename T>
void Forward(int64_t rows, int64_t C, const float* x, const float* weight, const float* bias,
             float eps, T* xhat, T* y, float* rstd) {
    for (int64_t r = 0; r < rows; ++r, x += C, xhat += C, y += C) {
        float sum = 0, squares = 0;
        for (int64_t c = 0; c < C; ++c) sum += x[c];
        const float mean = sum / static_cast<float>(C);
        for (int64_t c = 0; c < C; ++c) squares += (x[c] - mean) * (x[c] - mean);
        rstd[r] = 1 / std::sqrt(squares / static_cast<float>(C) + eps);
        for (int64_t c = 0; c < C; ++c) {
            xhat[c] = FromFloat<T>((x[c] - mean) * rstd[r]);
            y[c] = FromFloat<T>(ToFloat(xhat[c]) * weight[c] + bias[c]);
        }
    }
}

template <typename T>
void ScaleRows(int64_t rows, int64_t C, const T* xhat, const float* weight, const float* bias,
               T* y) {
    for (int64_t r = 0; r < rows; ++r)
        for (int64_t c = 0; c < C; ++c)
            y[r * C + c] = FromFloat<T>(ToFloat(xhat[r * C + c]) * weight[c] + bias[c]);
}

template <typename T>
void Backward(int64_t rows, int64_t C, const float* dy, const T* xhat, const float* weight,
              const float* rstd, float* dx, T* dx_t) {
    for (int64_t r = 0; r < rows; ++r) {
        float sum = 0, dot = 0;
        for (int64_t c = 0; c < C; ++c) {
            const float g = dy[r * C + c] * weight[c];
            sum += g;
            dot += g * ToFloat(xhat[r * C + c]);
        }
        const float mean = sum / static_cast<float>(C), along = dot / static_cast<float>(C);
        for (int64_t c = 0; c < C; ++c) {
            const float g = dy[r * C + c] * weight[c];
            dx[r * C + c] += rstd[r] * (g - mean - ToFloat(xhat[r * C + c]) * along);
            if (dx_t != nullptr) dx_t[r * C + c] = FromFloat<T>(dx[r * C + c]);
        }
    }
}

template <typename T>
void BackwardWeight(int64_t M, int64_t C, int64_t columns, const float* dy, const T* xhat,
                    float* dweight, float* dbias) {
    for (int64_t c = 0; c < columns; ++c) {
        double weight = 0, bias = 0;
        for (int64_t r = 0; r < M; ++r) {
            weight += dy[r * C + c] * ToFloat(xhat[r * C + c]);
            bias += dy[r * C + c];
        }
        dweight[c] += static_cast<float>(weight);
        dbias[c] += static_cast<float>(bias);
    }
}

}  // namespace

template <typename T>
const KernelList<AnyProblem, LayerNormFunctions<T>>& LayerNormKernels() {
    static const KernelList<AnyProblem, LayerNormFunctions<T>> list(
        "layernorm", {{"highway", NeedsSimd<AnyProblem>, LayerNormHighway<T>()},
                      {"reference",
                       NeverDeclines<AnyProblem>,
                       {Forward<T>, ScaleRows<T>, Backward<T>, BackwardWeight<T>}}});
    return list;
}

template <typename T>
void LayerNormForward(const Context& context, int64_t M, int64_t C, const float* x,
                      const float* weight, const float* bias, float eps, T* xhat, T* y,
                      float* rstd) {
    const auto& functions = LayerNormKernels<T>().Choose({});
    ForRows(context, M, C, [&](int64_t first, int64_t count) {
        functions.forward(count, C, x + first * C, weight, bias, eps, xhat + first * C,
                          y + first * C, rstd + first);
    });
}

template <typename T>
void LayerNormScale(const Context& context, int64_t M, int64_t C, const T* xhat,
                    const float* weight, const float* bias, T* y) {
    const auto& functions = LayerNormKernels<T>().Choose({});
    ForRows(context, M, C, [&](int64_t first, int64_t count) {
        functions.scale(count, C, xhat + first * C, weight, bias, y + first * C);
    });
}

template <typename T>
void LayerNormBackward(const Context& context, int64_t M, int64_t C, const float* dy, const T* xhat,
                       const float* weight, const float* rstd, float* dx, T* dx_t, float* dweight,
                       float* dbias) {
    const auto& functions = LayerNormKernels<T>().Choose({});
    ForRows(context, M, C, [&](int64_t first, int64_t count) {
        functions.backward(count, C, dy + first * C, xhat + first * C, weight, rstd + first,
                           dx + first * C, dx_t == nullptr ? nullptr : dx_t + first * C);
    });
    if (dweight == nullptr) return;
    ForColumns(context, C, [&](int64_t first, int64_t count) {
        functions.backward_weight(M, C, count, dy + first, xhat + first, dweight + first,
                                  dbias + first);
    });
}

#define HONE_INSTANTIATE(T)                                                                      \
    template const KernelList<AnyProblem, LayerNormFunctions<T>>& LayerNormKernels<T>();         \
    template void LayerNormForward<T>(const Context&, int64_t, int64_t, const float*,            \
                                      const float*, const float*, float, T*, T*, float*);        \
    template void LayerNormScale<T>(const Context&, int64_t, int64_t, const T*, const float*,    \
                                    const float*, T*);                                           \
    template void LayerNormBackward<T>(const Context&, int64_t, int64_t, const float*, const T*, \
                                       const float*, const float*, float*, T*, float*, float*);
HONE_INSTANTIATE(float)
HONE_INSTANTIATE(bf16)
#undef HONE_INSTANTIATE

}  // namespace hone
