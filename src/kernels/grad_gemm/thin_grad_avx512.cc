// Thin gradients in AVX512-BF16: the rows of two tokens become pairs in registers, once for eight
// thin columns.
#include "kernels/grad_gemm/thin_grad.h"
#include "kernels/simd/avx512_target.h"

#if defined(__x86_64__)

#include <cstring>

HONE_BEGIN_AVX512
namespace hone::avx512 {
namespace {

constexpr int kRows = 8;  // thin columns whose sums are in registers, two vectors each
// How many tokens ahead the wide side is prefetched. Its rows lie too far apart for hardware to
// prefetch them.
constexpr int64_t kAhead = 12;

// Thin columns from `row` on, wide ones from `column` on, at most 32.
void Block(const ThinGradArgs<bf16>& t, int64_t row, int64_t column) {
    const __mmask32 mask = First32(t.columns - column);
    const bf16* x = t.x + column;
    const bf16* left = t.left + row * 2;
    __m512 sums[kRows][2];
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) sums[r][0] = sums[r][1] = _mm512_setzero_ps();
    for (int64_t token = 0; token < t.tokens; token += 2) {
        _mm_prefetch(x + kAhead * t.x_stride, _MM_HINT_T0);
        _mm_prefetch(x + (kAhead + 1) * t.x_stride, _MM_HINT_T0);
        const __m512i first = _mm512_maskz_loadu_epi16(mask, x);
        const __m512i second = token + 1 < t.tokens ? _mm512_maskz_loadu_epi16(mask, x + t.x_stride)
                                                    : _mm512_setzero_si512();
        const Interleaved pairs = Interleave(first, second);
#pragma GCC unroll 8
        for (int r = 0; r < kRows; ++r) {
            int32_t two;
            std::memcpy(&two, left + r * 2, sizeof two);
            const __m512bh both = (__m512bh)_mm512_set1_epi32(two);
            sums[r][0] = _mm512_dpbf16_ps(sums[r][0], both, (__m512bh)pairs.low);
            sums[r][1] = _mm512_dpbf16_ps(sums[r][1], both, (__m512bh)pairs.high);
        }
        x += 2 * t.x_stride;
        left += t.stored * 2;
    }
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
        if (row + r >= t.thin) break;
        float* to = t.sums + (row + r) * kThinColumns + column;
        _mm512_mask_storeu_ps(to, static_cast<__mmask16>(mask), sums[r][0]);
        _mm512_mask_storeu_ps(to + 16, static_cast<__mmask16>(mask >> 16), sums[r][1]);
    }
}

void Run(const ThinGradArgs<bf16>& t) {
    for (int64_t column = 0; column < t.columns; column += 32)
        for (int64_t row = 0; row < t.thin; row += kRows) Block(t, row, column);
}

constexpr ThinGradFunctions<bf16> kThinGrad = {Run, true};

}  // namespace
}  // namespace hone::avx512
HONE_END_AVX512

// Called on every CPU.
hone::ThinGradFunctions<hone::bf16> hone::Avx512ThinGrad() { return avx512::kThinGrad; }

#endif
