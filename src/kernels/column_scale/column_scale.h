// Products with one factor for each column, and the gradient of these factors: what DoRA
// (arXiv:2402.09353) does with the outputs of a linear layer.
//
// Arithmetic is f32. A row, and in the sums a column, is one thread's work from front to back:
// results are the same bits on any number of threads.
#pragma once

#include "kernels/dispatch/dispatch.h"
#include "kernels/gemm/gemm.h"
#include "tensor/context.h"

namespace hone {

// u [m, n] of type T times factors f32 [n], plus bias f32 [n] where it is given. y [m, n] is, as
// `output` says, T (=) or float (= or +=). Strides are elements from row to row. y of kStore may be
// u.
template <typename T>
struct ColumnScaleArgs {
    int64_t m = 0, n = 0;
    const T* u = nullptr;
    int64_t u_stride = 0;
    const float* factors = nullptr;
    const float* bias = nullptr;
    void* y = nullptr;
    int64_t y_stride = 0;
    GemmOutput output = GemmOutput::kStore;
};
template <typename T>
void ScaleColumns(const Context& context, const ColumnScaleArgs<T>& args);

// sums f32 [n] += factors f32 [n] times the sums over the rows of a [m, n] times b [m, n]. Without
// b of a alone, without factors the sums alone. In the same pass over memory, where `scaled` is
// given, scaled [m, n] (=) a times scale f32 [n]; it may be a. Strides are elements from row to
// row.
template <typename T>
struct ColumnProductsArgs {
    int64_t m = 0, n = 0;
    const T* a = nullptr;
    int64_t a_stride = 0;
    const T* b = nullptr;
    int64_t b_stride = 0;
    const float* factors = nullptr;
    float* sums = nullptr;
    const float* scale = nullptr;
    T* scaled = nullptr;
    int64_t scaled_stride = 0;

    // The same of columns [first, first + count).
    ColumnProductsArgs Columns(int64_t first, int64_t count) const {
        const auto from = [&](auto* values) { return values == nullptr ? values : values + first; };
        ColumnProductsArgs part = *this;
        part.n = count;
        part.a = from(a);
        part.b = from(b);
        part.factors = from(factors);
        part.sums = from(sums);
        part.scale = from(scale);
        part.scaled = from(scaled);
        return part;
    }
};
template <typename T>
void AddColumnProducts(const Context& context, const ColumnProductsArgs<T>& args);

template <typename T>
struct ColumnScaleFunctions {
    // One row: y = u * factors + bias, or added to y.
    void (*store)(int64_t n, const T* u, const float* factors, const float* bias, T* y);
    void (*store_f32)(int64_t n, const T* u, const float* factors, const float* bias, float* y);
    void (*add_f32)(int64_t n, const T* u, const float* factors, const float* bias, float* y);
    void (*products)(const ColumnProductsArgs<T>& args);
};
template <typename T>
const KernelList<AnyProblem, ColumnScaleFunctions<T>>& ColumnScaleKernels();
template <typename T>
ColumnScaleFunctions<T> ColumnScaleHighway();

}  // namespace hone
