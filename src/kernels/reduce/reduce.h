// Sums, checks, and element-wise sums and casts over flat buffers.
//
// Reductions run over fixed pieces whose results are added in order: the same bits on any number of
// threads.
#pragma once

#include "kernels/dispatch/dispatch.h"
#include "tensor/context.h"

namespace hone {

// Sum of x[i]^2, each square and the sum in double. NaN or infinity if an element is.
double SumOfSquares(const Context& context, int64_t n, const float* x);

// Whether no element is NaN or infinite.
bool AllFinite(const Context& context, int64_t n, const float* x);

// y += x.
void Add(const Context& context, int64_t n, const float* x, float* y);

// to = from, rounded to nearest even; To and From are float and bf16 in any pairing but bf16 to
// bf16.
template <typename To, typename From>
void Cast(const Context& context, int64_t n, const From* from, To* to);

struct ReduceFunctions {
    double (*sum_of_squares)(int64_t n, const float* x);
    bool (*all_finite)(int64_t n, const float* x);
    void (*add)(int64_t n, const float* x, float* y);
    void (*to_bf16)(int64_t n, const float* from, bf16* to);
    void (*to_f32)(int64_t n, const bf16* from, float* to);
};
const KernelList<AnyProblem, ReduceFunctions>& ReduceKernels();
ReduceFunctions ReduceHighway();

}  // namespace hone
