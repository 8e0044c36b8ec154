// Packing with AVX-512: two rows are interleaved, and 16 x 16 dwords transposed, in registers.
#include "kernels/packing/packing.h"
#include "kernels/simd/avx512_target.h"

#if defined(__x86_64__)

HONE_BEGIN_AVX512
namespace hone::avx512 {
namespace {

__mmask16 First16(int64_t n) { return static_cast<__mmask16>(First32(n < 16 ? n : 16)); }

// 32 columns of a row from `column` on, zeros from `width` on.
inline __attribute__((always_inline)) __m512i Load(const bf16* row, int64_t column, int width) {
    return _mm512_maskz_loadu_epi16(First32(width > column ? width - column : 0), row + column);
}
inline __attribute__((always_inline)) __m512i Load(const float* row, int64_t column, int width) {
    const int64_t left = width > column ? width - column : 0;
    const __m512 low = _mm512_maskz_loadu_ps(First16(left), row + column);
    const __m512 high =
        _mm512_maskz_loadu_ps(First16(left > 16 ? left - 16 : 0), row + column + 16);
    return (__m512i)_mm512_cvtne2ps_pbh(high, low);
}

template <typename From>
void Rows(const From* src, int64_t stride, int64_t count, int width, int stored, bf16* out) {
    for (int64_t t = 0; t < count; t += 2) {
        const From* row = src + t * stride;
        for (int64_t column = 0; column < stored; column += 32) {
            const Interleaved pairs = Interleave(
                Load(row, column, width),
                t + 1 < count ? Load(row + stride, column, width) : _mm512_setzero_si512());
            bf16* to = out + t * stored + column * 2;
            _mm512_storeu_si512(to, pairs.low);
            if (column + 16 < stored) _mm512_storeu_si512(to + 32, pairs.high);
        }
    }
}

void Rows(const float* src, int64_t stride, int64_t count, int width, int stored, float* out) {
    for (int64_t t = 0; t < count; ++t)
        for (int64_t column = 0; column < stored; column += 16)
            _mm512_storeu_ps(out + t * stored + column,
                             _mm512_maskz_loadu_ps(First16(width > column ? width - column : 0),
                                                   src + t * stride + column));
}

void Columns(const float* src, int64_t k, int64_t count, int stored, bf16* out) {
    for (int64_t column = 0; column < count; column += 16) {
        const int64_t here = count - column < 16 ? count - column : 16;
        for (int64_t row = 0; row < k; row += 32) {
            const int64_t left = k - row < 32 ? k - row : 32;
            __m512i x[16];
#pragma GCC unroll 16
            for (int i = 0; i < 16; ++i)
                x[i] = i < here ? Load(src + (column + i) * k + row, 0, static_cast<int>(left))
                                : _mm512_setzero_si512();
            Transpose16(x);
            bf16* to = out + row * stored + column * 2;
            for (int64_t pair = 0; pair < (left + 1) / 2; ++pair)
                _mm512_mask_storeu_epi32(to + pair * stored * 2, First16(here), x[pair]);
        }
    }
}

void Columns(const float* src, int64_t k, int64_t count, int stored, float* out) {
    for (int64_t column = 0; column < count; column += 16) {
        for (int64_t row = 0; row < k; row += 16) {
            __m512i x[16];
#pragma GCC unroll 16
            for (int i = 0; i < 16; ++i)
                x[i] = column + i < count ? _mm512_maskz_loadu_epi32(First16(k - row),
                                                                     src + (column + i) * k + row)
                                          : _mm512_setzero_si512();
            Transpose16(x);
            for (int64_t i = 0; i < (k - row < 16 ? k - row : 16); ++i)
                _mm512_mask_storeu_epi32(out + (row + i) * stored + column, First16(count - column),
                                         x[i]);
        }
    }
}

// How far ahead a panel is prefetched, in rows of dwords. It comes from memory, and a block of rows
// is too short for hardware to prefetch it.
constexpr int64_t kAhead = 32;

// 8 x 8 qwords, transposed in place.
inline __attribute__((always_inline)) void Transpose8(__m512i (&x)[8]) {
    __m512i y[8];
#pragma GCC unroll 4
    for (int i = 0; i < 8; i += 2) {  // 2 x 2 blocks within 128 bits
        y[i] = _mm512_unpacklo_epi64(x[i], x[i + 1]);
        y[i + 1] = _mm512_unpackhi_epi64(x[i], x[i + 1]);
    }
#pragma GCC unroll 2
    for (int i = 0; i < 2; ++i) {  // then the 128-bit parts
        const __m512i a = _mm512_shuffle_i32x4(y[i], y[i + 2], 0x88);
        const __m512i b = _mm512_shuffle_i32x4(y[i], y[i + 2], 0xdd);
        const __m512i c = _mm512_shuffle_i32x4(y[i + 4], y[i + 6], 0x88);
        const __m512i d = _mm512_shuffle_i32x4(y[i + 4], y[i + 6], 0xdd);
        x[i] = _mm512_shuffle_i32x4(a, c, 0x88);
        x[i + 2] = _mm512_shuffle_i32x4(b, d, 0x88);
        x[i + 4] = _mm512_shuffle_i32x4(a, c, 0xdd);
        x[i + 6] = _mm512_shuffle_i32x4(b, d, 0xdd);
    }
}

// 8 rows of dwords, all their columns, become 16 columns of rows of the other panel. With the two
// columns of a qword exchanged across its middle, a qword is what lies side by side there.
void PanelTransposed(const bf16* panel, int stored, int64_t columns, int width, int out_stored,
                     bf16* out) {
    const __m512i exchange = _mm512_set4_epi32(0x0f0e0b0a, 0x0d0c0908, 0x07060302, 0x05040100);
    for (int64_t row = 0; row < out_stored; row += 16) {
        for (int64_t column = 0; column < columns; column += 16) {
            const __mmask16 here = First16(columns - column);
            __m512i x[8];
#pragma GCC unroll 8
            for (int i = 0; i < 8; ++i) {
                const bf16* from = panel + ((row / 2 + i) * stored + column) * 2;
                _mm_prefetch(from + kAhead * stored * 2, _MM_HINT_T0);
                x[i] = row + 2 * i < width
                           ? _mm512_shuffle_epi8(_mm512_maskz_loadu_epi32(here, from), exchange)
                           : _mm512_setzero_si512();
            }
            Transpose8(x);
            const int64_t end = columns - column < 16 ? (columns - column + 1) / 2 : 8;
            bf16* to = out + column * out_stored + row * 2;
#pragma GCC unroll 8
            for (int i = 0; i < 8; ++i) {
                if (i >= end) break;
                _mm512_storeu_si512(to + 2 * i * out_stored, x[i]);
            }
        }
    }
}

void PanelTransposed(const float* panel, int stored, int64_t columns, int width, int out_stored,
                     float* out) {
    for (int64_t row = 0; row < out_stored; row += 16) {
        for (int64_t column = 0; column < columns; column += 16) {
            __m512i x[16];
#pragma GCC unroll 16
            for (int i = 0; i < 16; ++i) {
                const float* from = panel + (row + i) * stored + column;
                _mm_prefetch(from + kAhead * stored, _MM_HINT_T0);
                x[i] = row + i < width ? _mm512_loadu_si512(from) : _mm512_setzero_si512();
            }
            Transpose16(x);
            for (int64_t i = 0; i < (columns - column < 16 ? columns - column : 16); ++i)
                _mm512_storeu_si512(out + (column + i) * out_stored + row, x[i]);
        }
    }
}

template <typename T>
constexpr PackFunctions<T> kPacking = {Rows, Rows, Columns, PanelTransposed};

}  // namespace
}  // namespace hone::avx512
HONE_END_AVX512

namespace hone {

// Called on every CPU.
template <typename T>
PackFunctions<T> Avx512Packing() {
    return avx512::kPacking<T>;
}
template PackFunctions<float> Avx512Packing();
template PackFunctions<bf16> Avx512Packing();

}  // namespace hone

#endif
