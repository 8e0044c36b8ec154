#include "kernels/reduce/reduce.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <vector>

#include "tensor/partition.h"

namespace hone {
namespace {

double SumSquares(int64_t n, const float* x) {
    double sum = 0;
    for (int64_t i = 0; i < n; ++i) sum += static_cast<double>(x[i]) * x[i];
    return sum;
}

bool Finite(int64_t n, const float* x) {
    for (int64_t i = 0; i < n; ++i)
        if (!std::isfinite(x[i])) return false;
    return true;
}

void AddTo(int64_t n, const float* x, float* y) {
    for (int64_t i = 0; i < n; ++i) y[i] += x[i];
}

void ToB(int64_t n, const float* from, bf16* to) {
    for (int64_t i = 0; i < n; ++i) to[i] = ToBF16(from[i]);
}

void ToF(int64_t n, const bf16* from, float* to) {
    for (int64_t i = 0; i < n; ++i) to[i] = ToFloat(from[i]);
}

}  // namespace

const KernelList<AnyProblem, ReduceFunctions>& ReduceKernels() {
    static const KernelList<AnyProblem, ReduceFunctions> list(
        "reduce",
        {{"highway", NeedsSimd<AnyProblem>, ReduceHighway()},
         {"reference", NeverDeclines<AnyProblem>, {SumSquares, Finite, AddTo, ToB, ToF}}});
    return list;
}

double SumOfSquares(const Context& context, int64_t n, const float* x) {
    const auto& functions = ReduceKernels().Choose({});
    std::vector<double> pieces(static_cast<size_t>((n + kElementsPerTask - 1) / kElementsPerTask));
    ForElements(context, n, [&](int64_t first, int64_t count) {
        pieces[static_cast<size_t>(first / kElementsPerTask)] =
            functions.sum_of_squares(count, x + first);
    });
    double sum = 0;
    for (double piece : pieces) sum += piece;
    return sum;
}

bool AllFinite(const Context& context, int64_t n, const float* x) {
    const auto& functions = ReduceKernels().Choose({});
    std::atomic<bool> finite{true};
    ForElements(context, n, [&](int64_t first, int64_t count) {
        if (finite.load(std::memory_order_relaxed) && !functions.all_finite(count, x + first))
            finite.store(false, std::memory_order_relaxed);
    });
    return finite.load();
}

void Add(const Context& context, int64_t n, const float* x, float* y) {
    const auto& functions = ReduceKernels().Choose({});
    ForElements(context, n,
                [&](int64_t first, int64_t count) { functions.add(count, x + first, y + first); });
}

template <>
void Cast(const Context& context, int64_t n, const float* from, bf16* to) {
    const auto& functions = ReduceKernels().Choose({});
    ForElements(context, n, [&](int64_t first, int64_t count) {
        functions.to_bf16(count, from + first, to + first);
    });
}

template <>
void Cast(const Context& context, int64_t n, const bf16* from, float* to) {
    const auto& functions = ReduceKernels().Choose({});
    ForElements(context, n, [&](int64_t first, int64_t count) {
        functions.to_f32(count, from + first, to + first);
    });
}

template <>
void Cast(const Context& context, int64_t n, const float* from, float* to) {
    ForElements(context, n, [&](int64_t first, int64_t count) {
        std::copy_n(from + first, count, to + first);
    });
}

}  // namespace hone
