// The gated silu of bf16 rows with AVX512-BF16: a shorter exponential and a reciprocal, both
// far within bf16's rounding, and the processor's own rounding, which makes numbers below the
// smallest normal one zero.
#include "kernels/activation/activation.h"
#include "kernels/simd/avx512_target.h"

#if defined(__x86_64__)

HONE_BEGIN_AVX512
namespace hone::avx512 {
namespace {

inline __attribute__((always_inline)) __m512 Load(const bf16* from, __mmask16 mask) {
    return (__m512)_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(mask, from)),
                                     16);
}

inline __attribute__((always_inline)) void Store(bf16* to, __mmask16 mask, __m512 value) {
    _mm256_mask_storeu_epi16(to, mask, (__m256i)_mm512_cvtneps_pbh(value));
}

// Within 4e-6 relative.
inline __attribute__((always_inline)) __m512 Sigmoid(__m512 x) {
    const __m512 exponent = _mm512_mul_ps(x, _mm512_set1_ps(-kLog2E));
    // Below infinity, for which the correction is no number; a NaN stays: the second operand does.
    const __m512 bounded = _mm512_min_ps(_mm512_set1_ps(126.0f), exponent);
    const __m512 divisor = _mm512_add_ps(Exp2(bounded), _mm512_set1_ps(1.0f));
    const __m512 guess = _mm512_rcp14_ps(divisor);
    const __m512 error = _mm512_fnmadd_ps(guess, divisor, _mm512_set1_ps(1.0f));
    return _mm512_fmadd_ps(guess, error, guess);
}

void Forward(const ActivationOptions&, int64_t F, const bf16* gate_up, bf16* act) {
    for (int64_t i = 0; i < F; i += 16) {
        const __mmask16 mask = static_cast<__mmask16>(First32(F - i));
        const __m512 gate = Load(gate_up + i, mask), up = Load(gate_up + F + i, mask);
        Store(act + i, mask, _mm512_mul_ps(_mm512_mul_ps(gate, Sigmoid(gate)), up));
    }
}

template <bool kAct>
void BackwardRow(int64_t F, const bf16* gate_up, const bf16* dact, bf16* dgate_up, bf16* act) {
    for (int64_t i = 0; i < F; i += 16) {
        const __mmask16 mask = static_cast<__mmask16>(First32(F - i));
        const __m512 gate = Load(gate_up + i, mask), up = Load(gate_up + F + i, mask);
        const __m512 d = Load(dact + i, mask), s = Sigmoid(gate), silu = _mm512_mul_ps(gate, s);
        const __m512 slope = _mm512_fmadd_ps(silu, _mm512_sub_ps(_mm512_set1_ps(1.0f), s), s);
        Store(dgate_up + i, mask, _mm512_mul_ps(_mm512_mul_ps(d, up), slope));
        Store(dgate_up + F + i, mask, _mm512_mul_ps(d, silu));
        if (kAct) Store(act + i, mask, _mm512_mul_ps(silu, up));
    }
}

void Backward(const ActivationOptions&, int64_t F, const bf16* gate_up, const bf16* dact,
              bf16* dgate_up, bf16* act) {
    (act != nullptr ? BackwardRow<true> : BackwardRow<false>)(F, gate_up, dact, dgate_up, act);
}

constexpr ActivationFunctions<bf16> kActivation = {Forward, Backward};

}  // namespace
}  // namespace hone::avx512
HONE_END_AVX512

// Called on every CPU.
hone::ActivationFunctions<hone::bf16> hone::ActivationAvx512Bf16() { return avx512::kActivation; }

#endif  // __x86_64__
