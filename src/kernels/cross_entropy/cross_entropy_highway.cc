#include <cmath>

#include "kernels/cross_entropy/cross_entropy.h"
#include "kernels/simd/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cross_entropy/cross_entropy_highway.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "kernels/simd/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace hone {
namespace HWY_NAMESPACE {
namespace cross_entropy {
using namespace simd;  // NOLINT: the helpers of this instruction set

template <bool kCapped>
HWY_INLINE VF Cap(VF logit, VF cap, VF inverse_cap) {
    return kCapped ? hn::Mul(cap, Tanh(hn::Mul(logit, inverse_cap))) : logit;
}

// The sum of a run of exponentials is f32, runs are added in double. NaN anywhere makes the sum
// NaN.
constexpr int64_t kRun = 4096;

template <bool kCapped>
HWY_INLINE CrossEntropyStats StatsOf(int64_t V, const float* logits, float soft_cap) {
    const int64_t N = Lanes(), whole = V - V % N;
    const VF cap = Set(soft_cap), inverse_cap = Set(kCapped ? 1 / soft_cap : 0.0f);
    // The cap is monotone, so the largest logit is found before it; of equal ones the lowest index.
    VF best = Set(-INFINITY);
    for (int64_t i = 0; i < whole; i += N) best = hn::Max(best, Load(logits + i));
    float max = hn::GetLane(hn::MaxOfLanes(DF(), best));
    for (int64_t i = whole; i < V; ++i) max = logits[i] > max ? logits[i] : max;
    int64_t argmax = 0;
    while (argmax < whole && hn::AllFalse(DF(), hn::Eq(Load(logits + argmax), Set(max))))
        argmax += N;
    while (argmax < V - 1 && logits[argmax] != max) ++argmax;

    if (kCapped) max = hn::GetLane(Cap<kCapped>(Set(max), cap, inverse_cap));
    const VF largest = Set(max);
    double sum = 0;
    for (int64_t first = 0; first < whole; first += kRun) {
        VF run = Zero();
        for (int64_t i = first; i < HWY_MIN(whole, first + kRun); i += N)
            run = hn::Add(run,
                          Exp(hn::Sub(Cap<kCapped>(Load(logits + i), cap, inverse_cap), largest)));
        sum += Sum(run);
    }
    for (int64_t i = whole; i < V; ++i)
        sum += hn::GetLane(Exp(hn::Sub(Cap<kCapped>(Set(logits[i]), cap, inverse_cap), largest)));
    return {max, argmax, max + std::log(sum)};
}

CrossEntropyStats Stats(int64_t V, const float* logits, float soft_cap) {
    return soft_cap > 0 ? StatsOf<true>(V, logits, soft_cap) : StatsOf<false>(V, logits, soft_cap);
}

template <bool kCapped>
HWY_INLINE double SumAll(int64_t V, const float* logits, float soft_cap) {
    const int64_t N = Lanes();
    const VF cap = Set(soft_cap), inverse_cap = Set(kCapped ? 1 / soft_cap : 0.0f);
    double sum = 0;
    for (int64_t first = 0; first < V; first += kRun) {
        VF run = Zero();
        for (int64_t i = first; i < HWY_MIN(V, first + kRun); i += N)
            run =
                hn::Add(run, Cap<kCapped>(LoadN(logits + i, HWY_MIN(N, V - i)), cap, inverse_cap));
        sum += Sum(run);
    }
    return sum;
}

double SumOf(int64_t V, const float* logits, float soft_cap) {
    return soft_cap > 0 ? SumAll<true>(V, logits, soft_cap) : SumAll<false>(V, logits, soft_cap);
}

// kSmooth: with `smoothing`, which is not looked at otherwise.
template <typename T, bool kCapped, bool kSmooth>
HWY_INLINE void GradientOf(int64_t V, float* logits, float soft_cap, float log_sum, int64_t target,
                           float factor, float smoothing) {
    const int64_t N = Lanes();
    const VF cap = Set(soft_cap), inverse_cap = Set(kCapped ? 1 / soft_cap : 0.0f);
    const VF log_sums = Set(log_sum), factors = Set(factor);
    const VF own = Set(kSmooth ? 1.0f - smoothing : 1.0f),
             even = Set(smoothing / static_cast<float>(V));
    const hn::RebindToSigned<DF> di;
    T* out = reinterpret_cast<T*>(logits);
    for (int64_t i = 0; i < V; i += N) {
        const int64_t n = HWY_MIN(N, V - i);
        const VF z = Cap<kCapped>(LoadN(logits + i, n), cap, inverse_cap);
        VF gradient = Exp(hn::Sub(z, log_sums));
        if (target >= i && target < i + n) {
            const auto is_target = hn::RebindMask(
                DF(), hn::Eq(hn::Iota(di, 0), hn::Set(di, static_cast<int32_t>(target - i))));
            gradient = hn::IfThenElse(is_target, hn::Sub(gradient, own), gradient);
        }
        if (kSmooth) gradient = hn::Sub(gradient, even);
        gradient = hn::Mul(gradient, factors);
        if (kCapped) {
            const VF t = hn::Mul(z, inverse_cap);
            gradient = hn::Mul(gradient, hn::NegMulAdd(t, t, Set(1.0f)));
        }
        StoreN(gradient, out + i, n);
    }
}

template <typename T>
void Gradient(int64_t V, float* logits, float soft_cap, float log_sum, int64_t target,
              float factor) {
    if (soft_cap > 0)
        GradientOf<T, true, false>(V, logits, soft_cap, log_sum, target, factor, 0);
    else
        GradientOf<T, false, false>(V, logits, soft_cap, log_sum, target, factor, 0);
}

template <typename T>
void SmoothGradient(int64_t V, float* logits, float soft_cap, float log_sum, int64_t target,
                    float factor, float smoothing) {
    if (soft_cap > 0)
        GradientOf<T, true, true>(V, logits, soft_cap, log_sum, target, factor, smoothing);
    else
        GradientOf<T, false, true>(V, logits, soft_cap, log_sum, target, factor, smoothing);
}

}  // namespace cross_entropy

CrossEntropyFunctions CrossEntropyTable() {
    using namespace cross_entropy;  // NOLINT: of this instruction set
    return {Stats, Gradient<float>,       Gradient<bf16>,
            SumOf, SmoothGradient<float>, SmoothGradient<bf16>};
}

}  // namespace HWY_NAMESPACE
}  // namespace hone
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hone {

HWY_EXPORT(CrossEntropyTable);

CrossEntropyFunctions CrossEntropyHighway() { return HWY_DYNAMIC_DISPATCH(CrossEntropyTable)(); }

}  // namespace hone
#endif
