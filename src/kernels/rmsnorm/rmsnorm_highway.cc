#include "kernels/rmsnorm/rmsnorm.h"
#include "kernels/simd/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/rmsnorm/rmsnorm_highway.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "kernels/simd/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace hone {
namespace HWY_NAMESPACE {
namespace rmsnorm {
using namespace simd;  // NOLINT: the helpers of this instruction set

template <typename T>
HWY_INLINE void ForwardRow(int64_t C, const float* x, const float* weight, float eps, T* xhat, T* y,
                           float* rstd) {
    const int64_t N = Lanes();
    VF sum0 = Zero(), sum1 = Zero();
    int64_t c = 0;
    for (; c + 2 * N <= C; c += 2 * N) {
        const VF x0 = Load(x + c), x1 = Load(x + c + N);
        sum0 = hn::MulAdd(x0, x0, sum0);
        sum1 = hn::MulAdd(x1, x1, sum1);
    }
    for (; c < C; c += N) {
        const VF x0 = LoadN(x + c, HWY_MIN(N, C - c));
        sum0 = hn::MulAdd(x0, x0, sum0);
    }
    const float mean = Sum(hn::Add(sum0, sum1)) / static_cast<float>(C);
    const VF inverse = hn::Div(Set(1.0f), hn::Sqrt(Set(mean + eps)));
    if (rstd != nullptr) *rstd = hn::GetLane(inverse);
    for (c = 0; c < C; c += N) {
        const int64_t n = HWY_MIN(N, C - c);
        const VF normal = RoundThrough(hn::Mul(LoadN(x + c, n), inverse), y);
        if (xhat != nullptr) StoreN(normal, xhat + c, n);
        StoreN(hn::Mul(normal, LoadN(weight + c, n)), y + c, n);
    }
}

template <typename T>
HWY_INLINE void ScaleRow(int64_t C, const T* xhat, const float* weight, T* y) {
    const int64_t N = Lanes();
    for (int64_t c = 0; c < C; c += N) {
        const int64_t n = HWY_MIN(N, C - c);
        StoreN(hn::Mul(LoadN(xhat + c, n), LoadN(weight + c, n)), y + c, n);
    }
}

template <typename T>
HWY_INLINE void BackwardRow(int64_t C, const float* dy, const T* xhat, const float* weight,
                            float rstd, float* dx, T* dx_t) {
    const int64_t N = Lanes();
    VF sum = Zero();
    for (int64_t c = 0; c < C; c += N) {
        const int64_t n = HWY_MIN(N, C - c);
        sum = hn::MulAdd(hn::Mul(LoadN(dy + c, n), LoadN(weight + c, n)), LoadN(xhat + c, n), sum);
    }
    const VF mean = Set(Sum(sum) / static_cast<float>(C)), scale = Set(rstd);
    for (int64_t c = 0; c < C; c += N) {
        const int64_t n = HWY_MIN(N, C - c);
        const VF scaled = hn::Mul(LoadN(dy + c, n), LoadN(weight + c, n));
        const VF inner = hn::NegMulAdd(LoadN(xhat + c, n), mean, scaled);
        const VF updated = hn::MulAdd(scale, inner, LoadN(dx + c, n));
        StoreN(updated, dx + c, n);
        if (dx_t != nullptr) StoreN(updated, dx_t + c, n);
    }
}

// Columns [0, V vectors), or [0, n) of one vector. Rows are summed in runs, and the runs' sums in
// order: the error grows with the run, not with M.
template <int V, typename T>
HWY_INLINE void WeightColumns(int64_t M, int64_t C, int64_t n, const float* dy, const T* xhat,
                              float* dweight) {
    constexpr int64_t kRun = 64;
    const int64_t N = Lanes();
    VF total[V];
    for (int v = 0; v < V; ++v) total[v] = Zero();
    for (int64_t first = 0; first < M; first += kRun) {
        VF sum[V];
        for (int v = 0; v < V; ++v) sum[v] = Zero();
        for (int64_t r = first; r < HWY_MIN(M, first + kRun); ++r)
            for (int v = 0; v < V; ++v)
                sum[v] = hn::MulAdd(LoadN(dy + r * C + v * N, n), LoadN(xhat + r * C + v * N, n),
                                    sum[v]);
        for (int v = 0; v < V; ++v) total[v] = hn::Add(total[v], sum[v]);
    }
    for (int v = 0; v < V; ++v)
        StoreN(hn::Add(LoadN(dweight + v * N, n), total[v]), dweight + v * N, n);
}

template <typename T>
void Forward(int64_t rows, int64_t C, const float* x, const float* weight, float eps, T* xhat, T* y,
             float* rstd) {
    for (int64_t r = 0; r < rows; ++r)
        ForwardRow(C, x + r * C, weight, eps, xhat == nullptr ? nullptr : xhat + r * C, y + r * C,
                   rstd == nullptr ? nullptr : rstd + r);
}

template <typename T>
void ScaleRows(int64_t rows, int64_t C, const T* xhat, const float* weight, T* y) {
    for (int64_t r = 0; r < rows; ++r) ScaleRow(C, xhat + r * C, weight, y + r * C);
}

template <typename T>
void Backward(int64_t rows, int64_t C, const float* dy, const T* xhat, const float* weight,
              const float* rstd, float* dx, T* dx_t) {
    for (int64_t r = 0; r < rows; ++r)
        BackwardRow(C, dy + r * C, xhat + r * C, weight, rstd[r], dx + r * C,
                    dx_t == nullptr ? nullptr : dx_t + r * C);
}

template <typename T>
void BackwardWeight(int64_t M, int64_t C, int64_t columns, const float* dy, const T* xhat,
                    float* dweight) {
    const int64_t N = Lanes();
    int64_t c = 0;
    for (; c + 4 * N <= columns; c += 4 * N)
        WeightColumns<4>(M, C, N, dy + c, xhat + c, dweight + c);
    for (; c < columns; c += N)
        WeightColumns<1>(M, C, HWY_MIN(N, columns - c), dy + c, xhat + c, dweight + c);
}

template <typename T>
RmsNormFunctions<T> Table() {
    return {Forward<T>, ScaleRows<T>, Backward<T>, BackwardWeight<T>};
}

}  // namespace rmsnorm

RmsNormFunctions<float> RmsNormTableF32() { return rmsnorm::Table<float>(); }
RmsNormFunctions<bf16> RmsNormTableBF16() { return rmsnorm::Table<bf16>(); }

}  // namespace HWY_NAMESPACE
}  // namespace hone
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hone {

HWY_EXPORT(RmsNormTableF32);
HWY_EXPORT(RmsNormTableBF16);

template <>
RmsNormFunctions<float> RmsNormHighway() {
    return HWY_DYNAMIC_DISPATCH(RmsNormTableF32)();
}
template <>
RmsNormFunctions<bf16> RmsNormHighway() {
    return HWY_DYNAMIC_DISPATCH(RmsNormTableBF16)();
}

}  // namespace hone
#endif
