// Thin gradients for any SIMD: both sides come into scratch as floats, a stretch of tokens at a
// time. There they are close together: a wide side's rows may lie so far apart that they meet in
// few sets of the first-level cache.
#include <algorithm>

#include "kernels/simd/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/grad_gemm/thin_grad_highway.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"
#include "kernels/grad_gemm/thin_grad.h"
#include "kernels/simd/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace hone {
namespace HWY_NAMESPACE {
namespace thin {
namespace hn = hwy::HWY_NAMESPACE;

// Thin columns whose sums are in registers, of which AVX-512 has 32 and AVX2 16.
constexpr int kRows = hn::MaxLanes(simd::DF()) > 8 ? 8 : 6;
constexpr int64_t kStretch = 32;  // tokens
// Floats from token to token of the thin side.
constexpr int64_t kStep = (kMostThin + kRows - 1) / kRows * kRows;

struct Scratch {
    HWY_ALIGN float left[kStretch * kStep];
    HWY_ALIGN float x[kStretch * kThinColumns];
};

// left [tokens, kStep], its first `stored` of each row (=): a packed panel's rows. A panel of bf16
// ends with a whole pair of tokens.
HWY_INLINE void CopyPanel(const float* panel, int64_t stored, int64_t tokens, float* left) {
    for (int64_t token = 0; token < tokens; ++token)
        std::copy_n(panel + token * stored, stored, left + token * kStep);
}
HWY_INLINE void CopyPanel(const bf16* panel, int64_t stored, int64_t tokens, float* left) {
    const uint32_t* pairs = reinterpret_cast<const uint32_t*>(panel);
    for (int64_t token = 0; token < tokens; token += 2, pairs += stored, left += 2 * kStep) {
        for (int64_t row = 0; row < stored; row += simd::Lanes()) {
            const simd::VU pair = hn::LoadU(simd::DU(), pairs + row);
            simd::Store(simd::FirstOfPairs(simd::DU(), pair), left + row);
            simd::Store(simd::SecondOfPairs(simd::DU(), pair), left + kStep + row);
        }
    }
}

// x [tokens, kThinColumns], its first `columns` of each row (=).
template <typename T>
HWY_INLINE void CopyWide(const T* from, int64_t stride, int64_t columns, int64_t tokens, float* x) {
    for (int64_t token = 0; token < tokens; ++token, from += stride, x += kThinColumns)
        for (int64_t column = 0; column < columns; column += simd::Lanes())
            simd::Store(simd::LoadN(from + column, std::min(simd::Lanes(), columns - column)),
                        x + column);
}

// sums [kRows, two vectors] (+=).
HWY_INLINE void Block(const float* HWY_RESTRICT left, const float* HWY_RESTRICT x, int64_t tokens,
                      simd::VF (&acc)[kRows][2]) {
    for (int64_t token = 0; token < tokens; ++token, left += kStep, x += kThinColumns) {
        const simd::VF x0 = simd::Load(x), x1 = simd::Load(x + simd::Lanes());
        for (int r = 0; r < kRows; ++r) {
            const simd::VF factor = simd::Set(left[r]);
            acc[r][0] = hn::MulAdd(factor, x0, acc[r][0]);
            acc[r][1] = hn::MulAdd(factor, x1, acc[r][1]);
        }
    }
}

template <typename T>
void Run(const ThinGradArgs<T>& t) {
    const int64_t lanes = simd::Lanes();
    Scratch scratch = {};
    HWY_ALIGN float sums[kStep * kThinColumns] = {};
    for (int64_t begin = 0; begin < t.tokens; begin += kStretch) {
        const int64_t tokens = std::min(kStretch, t.tokens - begin);
        CopyPanel(t.left + begin * t.stored, t.stored, tokens, scratch.left);
        CopyWide(t.x + begin * t.x_stride, t.x_stride, t.columns, tokens, scratch.x);
        for (int64_t column = 0; column < t.columns; column += 2 * lanes) {
            for (int64_t row = 0; row < t.thin; row += kRows) {
                float* to = sums + row * kThinColumns + column;
                simd::VF acc[kRows][2];
                for (int r = 0; r < kRows; ++r) {
                    acc[r][0] = simd::Load(to + r * kThinColumns);
                    acc[r][1] = simd::Load(to + r * kThinColumns + lanes);
                }
                Block(scratch.left + row, scratch.x + column, tokens, acc);
                for (int r = 0; r < kRows; ++r) {
                    simd::Store(acc[r][0], to + r * kThinColumns);
                    simd::Store(acc[r][1], to + r * kThinColumns + lanes);
                }
            }
        }
    }
    for (int64_t row = 0; row < t.thin; ++row)
        std::copy_n(sums + row * kThinColumns, t.columns, t.sums + row * kThinColumns);
}

}  // namespace thin

ThinGradFunctions<float> ThinGradTableF32() { return {thin::Run<float>, true}; }
ThinGradFunctions<bf16> ThinGradTableBF16() { return {thin::Run<bf16>, true}; }

}  // namespace HWY_NAMESPACE
}  // namespace hone
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hone {

HWY_EXPORT(ThinGradTableF32);
HWY_EXPORT(ThinGradTableBF16);

template <>
ThinGradFunctions<float> HighwayThinGrad() {
    return HWY_DYNAMIC_DISPATCH(ThinGradTableF32)();
}
template <>
ThinGradFunctions<bf16> HighwayThinGrad() {
    return HWY_DYNAMIC_DISPATCH(ThinGradTableBF16)();
}

}  // namespace hone
#endif
