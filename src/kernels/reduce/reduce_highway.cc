#include "kernels/reduce/reduce.h"
#include "kernels/simd/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/reduce/reduce_highway.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "kernels/simd/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace hone {
namespace HWY_NAMESPACE {
namespace reduce {
using namespace simd;  // NOLINT: the helpers of this instruction set

// Squares in double: sixteen running sums, which compilers turn into vectors, added in order at the
// end.
double SumOfSquares(int64_t n, const float* x) {
    constexpr int64_t kSums = 16;
    double sums[kSums] = {};
    int64_t i = 0;
    for (; i + kSums <= n; i += kSums)
        for (int64_t lane = 0; lane < kSums; ++lane)
            sums[lane] += static_cast<double>(x[i + lane]) * static_cast<double>(x[i + lane]);
    for (; i < n; ++i) sums[0] += static_cast<double>(x[i]) * static_cast<double>(x[i]);
    double sum = 0;
    for (double part : sums) sum += part;
    return sum;
}

// 0 * x is NaN exactly where x is not finite, and NaN stays in a sum.
bool AllFinite(int64_t n, const float* x) {
    const int64_t N = Lanes();
    VF sum = Zero();
    for (int64_t i = 0; i < n; i += N)
        sum = hn::MulAdd(LoadN(x + i, HWY_MIN(N, n - i)), Zero(), sum);
    return hn::AllFalse(DF(), hn::IsNaN(sum));
}

void Add(int64_t n, const float* x, float* y) {
    const int64_t N = Lanes();
    for (int64_t i = 0; i < n; i += N) {
        const int64_t count = HWY_MIN(N, n - i);
        StoreN(hn::Add(LoadN(x + i, count), LoadN(y + i, count)), y + i, count);
    }
}

template <typename To, typename From>
void Cast(int64_t n, const From* from, To* to) {
    const int64_t N = Lanes();
    for (int64_t i = 0; i < n; i += N) {
        const int64_t count = HWY_MIN(N, n - i);
        StoreN(LoadN(from + i, count), to + i, count);
    }
}

}  // namespace reduce

ReduceFunctions ReduceTable() {
    return {reduce::SumOfSquares, reduce::AllFinite, reduce::Add, reduce::Cast<bf16, float>,
            reduce::Cast<float, bf16>};
}

}  // namespace HWY_NAMESPACE
}  // namespace hone
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hone {

HWY_EXPORT(ReduceTable);

ReduceFunctions ReduceHighway() { return HWY_DYNAMIC_DISPATCH(ReduceTable)(); }

}  // namespace hone
#endif
