#include <cmath>

#include "kernels/distillation/distillation.h"
#include "kernels/simd/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/distillation/distillation_highway.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "kernels/simd/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace hone {
namespace HWY_NAMESPACE {
namespace distillation {
using namespace simd;  // NOLINT: the helpers of this instruction set

HWY_INLINE VF Capped(VF logit, float soft_cap) {
    if (soft_cap <= 0) return logit;
    return hn::Mul(Set(soft_cap), Tanh(hn::Mul(logit, Set(1 / soft_cap))));
}

// The sum of a run is f32, runs are added in double.
constexpr int64_t kRun = 4096;

// Lanes behind the last of n elements are 0, and are to add nothing to a sum.
HWY_INLINE VF FirstLanes(VF value, int64_t n) {
    return n == Lanes() ? value
                        : hn::IfThenElseZero(hn::FirstN(DF(), static_cast<size_t>(n)), value);
}

double SoftLogSum(int64_t n, const float* logits, float soft_cap, float inverse_temperature) {
    const int64_t N = Lanes();
    const VF inverse = Set(inverse_temperature);
    VF best = Set(-INFINITY);
    for (int64_t i = 0; i + N <= n; i += N) best = hn::Max(best, Load(logits + i));
    float max = hn::GetLane(hn::MaxOfLanes(DF(), best));
    for (int64_t i = n - n % N; i < n; ++i) max = logits[i] > max ? logits[i] : max;
    // Cap and temperature are monotone.
    max = hn::GetLane(hn::Mul(Capped(Set(max), soft_cap), inverse));
    const VF largest = Set(max);
    double sum = 0;
    for (int64_t first = 0; first < n; first += kRun) {
        VF run = Zero();
        for (int64_t i = first; i < HWY_MIN(n, first + kRun); i += N) {
            const int64_t lanes = HWY_MIN(N, n - i);
            const VF z = hn::Mul(Capped(LoadN(logits + i, lanes), soft_cap), inverse);
            run = hn::Add(run, FirstLanes(Exp(hn::Sub(z, largest)), lanes));
        }
        sum += Sum(run);
    }
    return max + std::log(sum);
}

double Divergence(int64_t n, const float* logits, const float* teacher, float soft_cap,
                  float inverse_temperature, double log_sum, double teacher_log_sum) {
    const int64_t N = Lanes();
    const VF inverse = Set(inverse_temperature), own_sum = Set(static_cast<float>(log_sum)),
             wanted_sum = Set(static_cast<float>(teacher_log_sum));
    double sum = 0;
    for (int64_t first = 0; first < n; first += kRun) {
        VF run = Zero();
        for (int64_t i = first; i < HWY_MIN(n, first + kRun); i += N) {
            const int64_t lanes = HWY_MIN(N, n - i);
            const VF own = hn::MulSub(Capped(LoadN(logits + i, lanes), soft_cap), inverse, own_sum);
            const VF wanted = hn::MulSub(LoadN(teacher + i, lanes), inverse, wanted_sum);
            run = hn::Add(run, FirstLanes(hn::Mul(Exp(wanted), hn::Sub(wanted, own)), lanes));
        }
        sum += Sum(run);
    }
    return sum;
}

template <typename T>
void Gradient(int64_t V, float* logits, const float* teacher, const DistillationGradient& g) {
    const int64_t N = Lanes();
    const VF log_sum = Set(g.log_sum), label_factor = Set(g.label_factor),
             teacher_factor = Set(g.teacher_factor), inverse = Set(g.inverse_temperature),
             soft_log_sum = Set(g.soft_log_sum), teacher_log_sum = Set(g.teacher_log_sum);
    const hn::RebindToSigned<DF> di;
    T* out = reinterpret_cast<T*>(logits);
    for (int64_t i = 0; i < V;) {
        // No vector has outputs that are shared and others.
        const int64_t n = HWY_MIN(N, (i < g.shared ? g.shared : V) - i);
        const VF z = Capped(LoadN(logits + i, n), g.soft_cap);
        VF slope = Exp(hn::Sub(z, log_sum));
        if (g.target >= i && g.target < i + n) {
            const auto is_target = hn::RebindMask(
                DF(), hn::Eq(hn::Iota(di, 0), hn::Set(di, static_cast<int32_t>(g.target - i))));
            slope = hn::IfThenElse(is_target, hn::Sub(slope, Set(1.0f)), slope);
        }
        slope = hn::Mul(slope, label_factor);
        if (i < g.shared) {
            const VF own = Exp(hn::MulSub(z, inverse, soft_log_sum));
            const VF wanted = Exp(hn::MulSub(LoadN(teacher + i, n), inverse, teacher_log_sum));
            slope = hn::MulAdd(hn::Sub(own, wanted), teacher_factor, slope);
        }
        if (g.soft_cap > 0) {
            const VF t = hn::Mul(z, Set(1 / g.soft_cap));
            slope = hn::Mul(slope, hn::NegMulAdd(t, t, Set(1.0f)));
        }
        StoreN(slope, out + i, n);
        i += n;
    }
}

}  // namespace distillation

DistillationFunctions DistillationTable() {
    using namespace distillation;  // NOLINT: of this instruction set
    return {SoftLogSum, Divergence, Gradient<float>, Gradient<bf16>};
}

}  // namespace HWY_NAMESPACE
}  // namespace hone
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hone {

HWY_EXPORT(DistillationTable);

DistillationFunctions DistillationHighway() { return HWY_DYNAMIC_DISPATCH(DistillationTable)(); }

}  // namespace hone
#endif
