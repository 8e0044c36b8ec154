#include "kernels/rmsnorm/rmsnorm.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "tensor/partition.h"

namespace hone {
namespace {

template <typename T>
void Forward(int64_t rows, int64_t C, const float* x, const float* weight, float eps, T* xhat, T* y,
             float* rstd) {
    for (int64_t r = 0; r < rows; ++r) {
        float sum = 0;
        for (int64_t c = 0; c < C; ++c) sum += x[r * C + c] * x[r * C + c];
        const float inverse = 1 / std::sqrt(sum / static_cast<float>(C) + eps);
        if (rstd != nullptr) rstd[r] = inverse;
        for (int64_t c = 0; c < C; ++c) {
            const T normal = FromFloat<T>(x[r * C + c] * inverse);
            if (xhat != nullptr) xhat[r * C + c] = normal;
            y[r * C + c] = FromFloat<T>(ToFloat(normal) * weight[c]);
        }
    }
}

template <typename T>
void ScaleRows(int64_t rows, int64_t C, const T* xhat, const float* weight, T* y) {
    for (int64_t r = 0; r < rows; ++r)
        for (int64_t c = 0; c < C; ++c)
            y[r * C + c] = FromFloat<T>(ToFloat(xhat[r * C + c]) * weight[c]);
}

template <typename T>
void Backward(int64_t rows, int64_t C, const float* dy, const T* xhat, const float* weight,
              const float* rstd, float* dx, T* dx_t) {
    for (int64_t r = 0; r < rows; ++r) {
        float dot = 0;
        for (int64_t c = 0; c < C; ++c) dot += dy[r * C + c] * weight[c] * ToFloat(xhat[r * C + c]);
        const float mean = dot / static_cast<float>(C);
        for (int64_t c = 0; c < C; ++c) {
            dx[r * C + c] +=
                rstd[r] * (dy[r * C + c] * weight[c] - ToFloat(xhat[r * C + c]) * mean);
            if (dx_t != nullptr) dx_t[r * C + c] = FromFloat<T>(dx[r * C + c]);
        }
    }
}

template <typename T>
void BackwardWeight(int64_t M, int64_t C, int64_t columns, const float* dy, const T* xhat,
                    float* dweight) {
    for (int64_t c = 0; c < columns; ++c) {
        double sum = 0;
        for (int64_t r = 0; r < M; ++r) sum += dy[r * C + c] * ToFloat(xhat[r * C + c]);
        dweight[c] += static_cast<float>(sum);
    }
}

}  // namespace

template <typename T>
const KernelList<AnyProblem, RmsNormFunctions<T>>& RmsNormKernels() {
    static const KernelList<AnyProblem, RmsNormFunctions<T>> list(
        "rmsnorm", {{"highway", NeedsSimd<AnyProblem>, RmsNormHighway<T>()},
                    {"reference",
                     NeverDeclines<AnyProblem>,
                     {Forward<T>, ScaleRows<T>, Backward<T>, BackwardWeight<T>}}});
    return list;
}

template <typename T>
void RmsNormForward(const Context& context, int64_t M, int64_t C, const float* x,
                    const float* weight, float eps, T* xhat, T* y, float* rstd) {
    const auto& functions = RmsNormKernels<T>().Choose({});
    ForRows(context, M, C, [&](int64_t first, int64_t count) {
        functions.forward(count, C, x + first * C, weight, eps,
                          xhat == nullptr ? nullptr : xhat + first * C, y + first * C,
                          rstd == nullptr ? nullptr : rstd + first);
    });
}

template <typename T>
void RmsNormScale(const Context& context, int64_t M, int64_t C, const T* xhat, const float* weight,
                  T* y) {
    const auto& functions = RmsNormKernels<T>().Choose({});
    ForRows(context, M, C, [&](int64_t first, int64_t count) {
        functions.scale(count, C, xhat + first * C, weight, y + first * C);
    });
}

template <typename T>
void RmsNormBackward(const Context& context, int64_t M, int64_t C, const float* dy, const T* xhat,
                     const float* weight, const float* rstd, float* dx, T* dx_t, float* dweight) {
    const auto& functions = RmsNormKernels<T>().Choose({});
    ForRows(context, M, C, [&](int64_t first, int64_t count) {
        functions.backward(count, C, dy + first * C, xhat + first * C, weight, rstd + first,
                           dx + first * C, dx_t == nullptr ? nullptr : dx_t + first * C);
    });
    if (dweight == nullptr) return;
    ForColumns(context, C, [&](int64_t first, int64_t count) {
        functions.backward_weight(M, C, count, dy + first, xhat + first, dweight + first);
    });
}

template <typename T>
void RmsNormHeadsForward(const Context& context, int64_t M, int64_t n, int64_t D, T* x,
                         int64_t row_stride, const float* weight, float eps, T* xhat, float* rstd) {
    const auto& functions = RmsNormKernels<T>().Choose({});
    const int64_t C = n * D;
    ForRows(context, M, C, [&](int64_t first, int64_t count) {
        std::vector<float> heads(static_cast<size_t>(C));
        for (int64_t r = first; r < first + count; ++r) {
            T* row = x + r * row_stride;
            for (int64_t i = 0; i < C; ++i) heads[static_cast<size_t>(i)] = ToFloat(row[i]);
            functions.forward(n, D, heads.data(), weight, eps, xhat + r * C, row, rstd + r * n);
        }
    });
}

template <typename T>
void RmsNormHeadsBackward(const Context& context, int64_t M, int64_t n, int64_t D, T* dx,
                          int64_t row_stride, const T* xhat, const float* weight, const float* rstd,
                          float* dy_f32, float* dweight) {
    const auto& functions = RmsNormKernels<T>().Choose({});
    const int64_t C = n * D;
    ForRows(context, M, C, [&](int64_t first, int64_t count) {
        std::vector<float> gradient(static_cast<size_t>(C));
        for (int64_t r = first; r < first + count; ++r) {
            T* row = dx + r * row_stride;
            for (int64_t i = 0; i < C; ++i) dy_f32[r * C + i] = ToFloat(row[i]);
            std::fill(gradient.begin(), gradient.end(), 0.0f);
            functions.backward(n, D, dy_f32 + r * C, xhat + r * C, weight, rstd + r * n,
                               gradient.data(), row);
        }
    });
    if (dweight == nullptr) return;
    ForColumns(context, D, [&](int64_t first, int64_t count) {
        functions.backward_weight(M * n, D, count, dy_f32 + first, xhat + first, dweight + first);
    });
}

#define HONE_INSTANTIATE(T)                                                                       \
    template const KernelList<AnyProblem, RmsNormFunctions<T>>& RmsNormKernels<T>();              \
    template void RmsNormForward<T>(const Context&, int64_t, int64_t, const float*, const float*, \
                                    float, T*, T*, float*);                                       \
    template void RmsNormScale<T>(const Context&, int64_t, int64_t, const T*, const float*, T*);  \
    template void RmsNormBackward<T>(const Context&, int64_t, int64_t, const float*, const T*,    \
                                     const float*, const float*, float*, T*, float*);             \
    template void RmsNormHeadsForward<T>(const Context&, int64_t, int64_t, int64_t, T*, int64_t,  \
                                         const float*, float, T*, float*);                        \
    template void RmsNormHeadsBackward<T>(const Context&, int64_t, int64_t, int64_t, T*, int64_t, \
                                          const T*, const float*, const float*, float*, float*);
HONE_INSTANTIATE(float)
HONE_INSTANTIATE(bf16)
#undef HONE_INSTANTIATE

}  // namespace hone
