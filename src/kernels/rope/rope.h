// Rotary position embedding (Su et al., "RoFormer", 2021) in Hugging Face's rotate-half convention:
// element i of the first half of a head turns with element i of the second half.
//
// T is float or bf16, arithmetic f32; results are the same bits on any number of threads.
#pragma once

#include "kernels/dispatch/dispatch.h"
#include "tensor/context.h"

namespace hone {

struct RopeTable {
    int64_t max_positions = 0;
    int64_t D = 0;  // size of a head, even
    double theta = 10000;
    // kLinear: every frequency divided by `factor`. kLlama3: those whose wave is longer than
    // original_max_positions / low_freq_factor divided by `factor`, those shorter than
    // original_max_positions / high_freq_factor kept, a linear ramp between (transformers'
    // modeling_rope_utils).
    enum class Scaling { kNone, kLinear, kLlama3 } scaling = Scaling::kNone;
    double factor = 1;
    double low_freq_factor = 1;
    double high_freq_factor = 4;
    int64_t original_max_positions = 8192;
};

// cosine and sine f32 [max_positions, D/2] (=). Angles are rounded to f32 as transformers does, so
// that both agree.
void BuildRopeTable(const RopeTable& table, float* cosine, float* sine);

// Turns M rows of n heads in place: row r starts at x + r * row_stride and holds n heads of D
// elements; positions i32 [M] must be below the table's size. RopeInverse turns back, which is the
// backward pass.
template <typename T>
void RopeForward(const Context& context, int64_t M, int64_t n, int64_t D, T* x, int64_t row_stride,
                 const int32_t* positions, const float* cosine, const float* sine);
template <typename T>
void RopeInverse(const Context& context, int64_t M, int64_t n, int64_t D, T* x, int64_t row_stride,
                 const int32_t* positions, const float* cosine, const float* sine);

// One row: `direction` is 1 or -1.
template <typename T>
struct RopeFunctions {
    void (*row)(int64_t n, int64_t D, T* x, const float* cosine, const float* sine,
                float direction);
};
template <typename T>
const KernelList<AnyProblem, RopeFunctions<T>>& RopeKernels();
template <typename T>
RopeFunctions<T> RopeHighway();
template <>
RopeFunctions<float> RopeHighway();
template <>
RopeFunctions<bf16> RopeHighway();

}  // namespace hone
