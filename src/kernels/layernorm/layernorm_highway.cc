#include "kernels/layernorm/layernorm.h"
#include "kernels/simd/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/layernorm/layernorm_highway.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "kernels/simd/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace hone {
namespace HWY_NAMESPACE {
namespace layernorm {
using namespace simd;  // NOLINT: the helpers of this instruction set

// Calls body(c, n) for the vectors of a row: n elements from c on.
template <typename Body>
HWY_INLINE void ForVectors(int64_t C, const Body& body) {
    const int64_t N = Lanes();
    for (int64_t c = 0; c < C; c += N) body(c, HWY_MIN(N, C - c));
}

// The elements past the n-th made zero: they come from a difference, which is not zero there.
HWY_INLINE VF FirstOnly(VF value, int64_t n) {
    return hn::IfThenElseZero(hn::FirstN(DF(), static_cast<size_t>(n)), value);
}

template <typename T>
void ScaleRow(int64_t C, const T* xhat, const float* weight, const float* bias, T* y) {
    ForVectors(C, [&](int64_t c, int64_t n) HWY_ATTR {
        StoreN(hn::MulAdd(LoadN(xhat + c, n), LoadN(weight + c, n), LoadN(bias + c, n)), y + c, n);
    });
}

template <typename T>
void ForwardRow(int64_t C, const float* x, const float* weight, const float* bias, float eps,
                T* xhat, T* y, float* rstd) {
    VF sum = Zero(), squares = Zero();
    ForVectors(C, [&](int64_t c, int64_t n) HWY_ATTR { sum = hn::Add(sum, LoadN(x + c, n)); });
    const VF mean = Set(Sum(sum) / static_cast<float>(C));
    ForVectors(C, [&](int64_t c, int64_t n) HWY_ATTR {
        const VF centred = FirstOnly(hn::Sub(LoadN(x + c, n), mean), n);
        squares = hn::MulAdd(centred, centred, squares);
    });
    const float variance = Sum(squares) / static_cast<float>(C);
    const VF inverse = hn::Div(Set(1.0f), hn::Sqrt(Set(variance + eps)));
    *rstd = hn::GetLane(inverse);
    ForVectors(C, [&](int64_t c, int64_t n) HWY_ATTR {
        StoreN(hn::Mul(hn::Sub(LoadN(x + c, n), mean), inverse), xhat + c, n);
    });
    ScaleRow(C, xhat, weight, bias, y);
}

template <typename T>
void BackwardRow(int64_t C, const float* dy, const T* xhat, const float* weight, float rstd,
                 float* dx, T* dx_t) {
    VF sum = Zero(), dot = Zero();
    ForVectors(C, [&](int64_t c, int64_t n) HWY_ATTR {
        const VF g = hn::Mul(LoadN(dy + c, n), LoadN(weight + c, n));
        sum = hn::Add(sum, g);
        dot = hn::MulAdd(g, LoadN(xhat + c, n), dot);
    });
    const VF mean = Set(Sum(sum) / static_cast<float>(C)),
             along = Set(Sum(dot) / static_cast<float>(C)), scale = Set(rstd);
    ForVectors(C, [&](int64_t c, int64_t n) HWY_ATTR {
        const VF g = hn::Sub(hn::Mul(LoadN(dy + c, n), LoadN(weight + c, n)), mean);
        const VF inner = hn::NegMulAdd(LoadN(xhat + c, n), along, g);
        const VF updated = hn::MulAdd(scale, inner, LoadN(dx + c, n));
        StoreN(updated, dx + c, n);
        if (dx_t != nullptr) StoreN(updated, dx_t + c, n);
    });
}

template <typename T>
void Forward(int64_t rows, int64_t C, const float* x, const float* weight, const float* bias,
             float eps, T* xhat, T* y, float* rstd) {
    for (int64_t r = 0; r < rows; ++r)
        ForwardRow(C, x + r * C, weight, bias, eps, xhat + r * C, y + r * C, rstd + r);
}

template <typename T>
void ScaleRows(int64_t rows, int64_t C, const T* xhat, const float* weight, const float* bias,
               T* y) {
    for (int64_t r = 0; r < rows; ++r) ScaleRow(C, xhat + r * C, weight, bias, y + r * C);
}

template <typename T>
void Backward(int64_t rows, int64_t C, const float* dy, const T* xhat, const float* weight,
              const float* rstd, float* dx, T* dx_t) {
    for (int64_t r = 0; r < rows; ++r)
        BackwardRow(C, dy + r * C, xhat + r * C, weight, rstd[r], dx + r * C,
                    dx_t == nullptr ? nullptr : dx_t + r * C);
}

// Rows are summed in runs, and the runs' sums in order: the error grows with the run, not with M.
template <typename T>
void BackwardWeight(int64_t M, int64_t C, int64_t columns, const float* dy, const T* xhat,
                    float* dweight, float* dbias) {
    constexpr int64_t kRun = 64;
    ForVectors(columns, [&](int64_t c, int64_t n) HWY_ATTR {
        VF weight = LoadN(dweight + c, n), bias = LoadN(dbias + c, n);
        for (int64_t first = 0; first < M; first += kRun) {
            VF weight_run = Zero(), bias_run = Zero();
            for (int64_t r = first; r < HWY_MIN(M, first + kRun); ++r) {
                const VF d = LoadN(dy + r * C + c, n);
                weight_run = hn::MulAdd(d, LoadN(xhat + r * C + c, n), weight_run);
                bias_run = hn::Add(bias_run, d);
            }
            weight = hn::Add(weight, weight_run);
            bias = hn::Add(bias, bias_run);
        }
        StoreN(weight, dweight + c, n);
        StoreN(bias, dbias + c, n);
    });
}

template <typename T>
LayerNormFunctions<T> Table() {
    return {Forward<T>, ScaleRows<T>, Backward<T>, BackwardWeight<T>};
}

}  // namespace layernorm

LayerNormFunctions<float> LayerNormTableF32() { return layernorm::Table<float>(); }
LayerNormFunctions<bf16> LayerNormTableBF16() { return layernorm::Table<bf16>(); }

}  // namespace HWY_NAMESPACE
}  // namespace hone
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hone {

HWY_EXPORT(LayerNormTableF32);
HWY_EXPORT(LayerNormTableBF16);

template <>
LayerNormFunctions<float> LayerNormHighway() {
    return HWY_DYNAMIC_DISPATCH(LayerNormTableF32)();
}
template <>
LayerNormFunctions<bf16> LayerNormHighway() {
    return HWY_DYNAMIC_DISPATCH(LayerNormTableBF16)();
}

}  // namespace hone
#endif
