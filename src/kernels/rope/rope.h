// Rotary position embedding (Su et al., "RoFormer", 2021) in Hugging Face's rotate-half convention:
// element i of the first half of a head turns with element i of the second half.
//
// T is float or bf16, arithmetic f32; results are the same bits on any number of threads.
#pragma once

#include <vector>

#include "kernels/dispatch/dispatch.h"
#include "tensor/context.h"

namespace hone {

// What makes a model's positions reach farther than it was first trained for; transformers'
// modeling_rope_utils has the formulas.
struct RopeScaling {
    // kLinear: every frequency divided by `factor`. kDynamic (NTK): changes frequencies only past
    // the positions that the model was trained with, which no sequence passes here. kLlama3: those
    // whose wave is longer than original / low_freq_factor divided by `factor`, those shorter than
    // original / high_freq_factor kept, a linear ramp between. kYarn (Peng et al. 2023,
    // arXiv:2309.00071): a ramp over the dimensions that turn beta_slow to beta_fast times within
    // the original positions. kLongRope (Ding et al. 2024, arXiv:2402.13753): each frequency has a
    // divisor of its own, one for sequences within the original positions and one for longer ones.
    enum class Kind { kNone, kLinear, kDynamic, kLlama3, kYarn, kLongRope } kind = Kind::kNone;
    double factor = 1;
    double low_freq_factor = 1, high_freq_factor = 4;
    int64_t original_max_position_embeddings = 8192;
    double beta_fast = 32, beta_slow = 1;
    bool truncate = true;         // kYarn: the ramp starts and ends at whole dimensions
    double attention_factor = 1;  // multiplies cosines and sines
    std::vector<double> short_divisors, long_divisors;  // [D/2] each
};

struct RopeTable {
    int64_t max_positions = 0;
    int64_t D = 0;  // elements of a head that turn, even
    double theta = 10000;
    RopeScaling scaling;
    bool long_sequences = false;  // kLongRope: which divisors
};

// cosine and sine f32 [max_positions, D/2] (=). Angles are rounded to f32 as transformers does, so
// that both agree.
void BuildRopeTable(const RopeTable& table, float* cosine, float* sine);

// Heads of a row, one after the other.
struct RopeHeads {
    int64_t n = 0;
    int64_t D = 0;        // elements of a head
    int64_t rotated = 0;  // the first of them, which turn: even, the table's D
};

// Turns M rows of heads in place: row r starts at x + r * row_stride; positions i32 [M] must be
// below the table's size. RopeInverse turns back, times the table's attention_factor, which is the
// backward pass.
template <typename T>
void RopeForward(const Context& context, int64_t M, const RopeHeads& heads, T* x,
                 int64_t row_stride, const int32_t* positions, const float* cosine,
                 const float* sine);
template <typename T>
void RopeInverse(const Context& context, int64_t M, const RopeHeads& heads, T* x,
                 int64_t row_stride, const int32_t* positions, const float* cosine,
                 const float* sine);

// One row: `direction` is 1 or -1.
template <typename T>
struct RopeFunctions {
    void (*row)(const RopeHeads& heads, T* x, const float* cosine, const float* sine,
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
