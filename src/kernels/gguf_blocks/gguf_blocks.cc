#include "kernels/gguf_blocks/gguf_blocks.h"

#include <bit>
#include <cstring>

#include "tensor/dtype.h"

namespace hone {
namespace {

// GGUF is little endian, as is every machine that hone runs on.
static_assert(std::endian::native == std::endian::little);

uint32_t Load32(const uint8_t* bytes) {
    uint32_t value;
    std::memcpy(&value, bytes, sizeof value);
    return value;
}

float Half(const uint8_t* bytes) {
    uint16_t bits;
    std::memcpy(&bits, bytes, sizeof bits);
    return ToFloat(f16{bits});
}

// Blocks of 32. In the 4 and 5-bit types byte i holds element i in its low and element i + 16 in
// its high nibble.

// half d, 16 bytes; d * (q - 8)
void Q4_0(const uint8_t* b, float* out) {
    float d = Half(b);
    for (int i = 0; i < 16; ++i) {
        out[i] = static_cast<float>((b[2 + i] & 15) - 8) * d;
        out[i + 16] = static_cast<float>((b[2 + i] >> 4) - 8) * d;
    }
}

// half d, half m, 16 bytes; d * q + m
void Q4_1(const uint8_t* b, float* out) {
    float d = Half(b), m = Half(b + 2);
    for (int i = 0; i < 16; ++i) {
        out[i] = static_cast<float>(b[4 + i] & 15) * d + m;
        out[i + 16] = static_cast<float>(b[4 + i] >> 4) * d + m;
    }
}

// half d, 32 fifth bits, 16 bytes; d * (q - 16)
void Q5_0(const uint8_t* b, float* out) {
    float d = Half(b);
    uint32_t high = Load32(b + 2);
    for (int i = 0; i < 16; ++i) {
        int low_q = (b[6 + i] & 15) | static_cast<int>((high >> i) & 1) << 4;
        int high_q = (b[6 + i] >> 4) | static_cast<int>((high >> (i + 16)) & 1) << 4;
        out[i] = static_cast<float>(low_q - 16) * d;
        out[i + 16] = static_cast<float>(high_q - 16) * d;
    }
}

// half d, half m, 32 fifth bits, 16 bytes; d * q + m
void Q5_1(const uint8_t* b, float* out) {
    float d = Half(b), m = Half(b + 2);
    uint32_t high = Load32(b + 4);
    for (int i = 0; i < 16; ++i) {
        int low_q = (b[8 + i] & 15) | static_cast<int>((high >> i) & 1) << 4;
        int high_q = (b[8 + i] >> 4) | static_cast<int>((high >> (i + 16)) & 1) << 4;
        out[i] = static_cast<float>(low_q) * d + m;
        out[i + 16] = static_cast<float>(high_q) * d + m;
    }
}

// half d, 32 signed bytes; d * q
void Q8_0(const uint8_t* b, float* out) {
    float d = Half(b);
    for (int i = 0; i < 32; ++i) out[i] = static_cast<float>(static_cast<int8_t>(b[2 + i])) * d;
}

// Blocks of 256, in 8 groups of 32 for Q4_K and Q5_K. Their 8 scales and 8 minima of 6 bits share
// 12 bytes: the low six bits of bytes 0-3 are scales 0-3, of bytes 4-7 minima 0-3; scales and
// minima 4-7 have their low 4 bits in bytes 8-11 and their high 2 bits on top of bytes 0-3 and 4-7.
void ScaleAndMinimum(const uint8_t* packed, int group, int& scale, int& minimum) {
    if (group < 4) {
        scale = packed[group] & 63;
        minimum = packed[group + 4] & 63;
    } else {
        scale = (packed[group + 4] & 15) | (packed[group - 4] >> 6) << 4;
        minimum = (packed[group + 4] >> 4) | (packed[group] >> 6) << 4;
    }
}

// half d, half dmin, 12 bytes of scales, 128 bytes: each 32 of them hold one group in the low and
// the next in the high nibbles; d * scale * q - dmin * minimum. Q5_K has 32 bytes of fifth bits
// (bit g of byte i: group g, element i) between.
template <bool kFiveBits>
void Q45_K(const uint8_t* b, float* out) {
    float d = Half(b), dmin = Half(b + 2);
    const uint8_t* fifth = b + 16;
    const uint8_t* nibbles = b + 16 + (kFiveBits ? 32 : 0);
    for (int group = 0; group < 8; ++group) {
        int scale, minimum;
        ScaleAndMinimum(b + 4, group, scale, minimum);
        float step = d * static_cast<float>(scale), offset = dmin * static_cast<float>(minimum);
        const uint8_t* bytes = nibbles + group / 2 * 32;
        for (int i = 0; i < 32; ++i) {
            int q = (bytes[i] >> (group % 2 * 4)) & 15;
            if constexpr (kFiveBits) q |= ((fifth[i] >> group) & 1) << 4;
            out[group * 32 + i] = step * static_cast<float>(q) - offset;
        }
    }
}

// 16 bytes with a scale in the low and a minimum in the high nibble, 64 bytes of pairs, half d,
// half dmin; d * scale * q - dmin * minimum. Each half of the block has 128 elements in 4 quarters
// of 32, whose pairs are at 2 * quarter in the half's 32 bytes; every 16 elements have a scale of
// their own.
void Q2_K(const uint8_t* b, float* out) {
    float d = Half(b + 80), dmin = Half(b + 82);
    for (int group = 0; group < 16; ++group) {
        float step = d * static_cast<float>(b[group] & 15);
        float offset = dmin * static_cast<float>(b[group] >> 4);
        const uint8_t* pairs = b + 16 + group / 8 * 32 + group % 2 * 16;
        int shift = group % 8 / 2 * 2;
        for (int i = 0; i < 16; ++i)
            out[group * 16 + i] = step * static_cast<float>((pairs[i] >> shift) & 3) - offset;
    }
}

// 32 bytes of third bits, 64 bytes of pairs, 12 bytes of 16 scales, half d; d * (scale - 32) * q, q
// from -4 to 3. The pairs lie as in Q2_K; the third bits of eighth e of the block are bit e of the
// 32 bytes, and clear where 4 is to be taken away. Of scale i the low 4 bits are a nibble of byte
// i % 8 (the low one for the first 8), the high 2 are at 2 * (i / 4) in byte 8 + i % 4.
void Q3_K(const uint8_t* b, float* out) {
    const uint8_t *third = b, *scales = b + 96;
    float d = Half(b + 108);
    for (int group = 0; group < 16; ++group) {
        int low = (scales[group % 8] >> (group / 8 * 4)) & 15;
        int high = (scales[8 + group % 4] >> (group / 4 * 2)) & 3;
        float step = d * static_cast<float>((low | high << 4) - 32);
        const uint8_t* pairs = b + 32 + group / 8 * 32 + group % 2 * 16;
        int shift = group % 8 / 2 * 2;
        for (int i = 0; i < 16; ++i) {
            int q = (pairs[i] >> shift) & 3;
            if (((third[group % 2 * 16 + i] >> (group / 2)) & 1) == 0) q -= 4;
            out[group * 16 + i] = step * static_cast<float>(q);
        }
    }
}

// half d, 16 bytes; d * value. The codes lie as in Q4_0.
void IQ4_NL(const uint8_t* b, float* out) {
    float d = Half(b);
    for (int i = 0; i < 16; ++i) {
        out[i] = d * static_cast<float>(kIQ4Values[b[2 + i] & 15]);
        out[i + 16] = d * static_cast<float>(kIQ4Values[b[2 + i] >> 4]);
    }
}

// half d, 8 high pairs and 8 low nibbles of scales, 128 bytes; d * (scale - 32) * value, in 8
// groups of 32, each as in IQ4_NL.
void IQ4_XS(const uint8_t* b, float* out) {
    float d = Half(b);
    for (int group = 0; group < 8; ++group) {
        int low = (b[4 + group / 2] >> (group % 2 * 4)) & 15;
        int high = (b[2 + group / 4] >> (group % 4 * 2)) & 3;
        float step = d * static_cast<float>((low | high << 4) - 32);
        const uint8_t* codes = b + 8 + group * 16;
        for (int i = 0; i < 16; ++i) {
            out[group * 32 + i] = step * static_cast<float>(kIQ4Values[codes[i] & 15]);
            out[group * 32 + i + 16] = step * static_cast<float>(kIQ4Values[codes[i] >> 4]);
        }
    }
}

// 128 bytes of low nibbles, 64 bytes of high pairs, 16 signed scales, half d; d * scale * (q - 32).
// Each half of the block has 128 elements in 4 quarters of 32: the quarter's nibble is low or high
// in byte i or i + 32, its pair of bits at 2 * quarter in byte i; every 16 elements have a scale of
// their own.
void Q6_K(const uint8_t* b, float* out) {
    float d = Half(b + 208);
    for (int half = 0; half < 2; ++half) {
        const uint8_t* low = b + half * 64;
        const uint8_t* high = b + 128 + half * 32;
        const uint8_t* scales = b + 192 + half * 8;
        for (int quarter = 0; quarter < 4; ++quarter) {
            for (int i = 0; i < 32; ++i) {
                int nibble = (low[i + quarter % 2 * 32] >> (quarter / 2 * 4)) & 15;
                int q = (nibble | ((high[i] >> (2 * quarter)) & 3) << 4) - 32;
                int scale = static_cast<int8_t>(scales[quarter * 2 + i / 16]);
                out[half * 128 + quarter * 32 + i] =
                    d * static_cast<float>(scale) * static_cast<float>(q);
            }
        }
    }
}

template <typename T, void (*kBlock)(const uint8_t*, float*), int kElements, int kBytes>
void Blocks(int64_t blocks, const uint8_t* bytes, T* out) {
    for (int64_t block = 0; block < blocks; ++block) {
        float values[kElements];
        kBlock(bytes + block * kBytes, values);
        for (int i = 0; i < kElements; ++i) out[block * kElements + i] = FromFloat<T>(values[i]);
    }
}

template <typename T>
constexpr GgufBlockFunctions<T> Reference() {
    return {.q4_0 = Blocks<T, Q4_0, 32, 18>,
            .q4_1 = Blocks<T, Q4_1, 32, 20>,
            .q5_0 = Blocks<T, Q5_0, 32, 22>,
            .q5_1 = Blocks<T, Q5_1, 32, 24>,
            .q8_0 = Blocks<T, Q8_0, 32, 34>,
            .iq4_nl = Blocks<T, IQ4_NL, 32, 18>,
            .q2_k = Blocks<T, Q2_K, 256, 84>,
            .q3_k = Blocks<T, Q3_K, 256, 110>,
            .q4_k = Blocks<T, Q45_K<false>, 256, 144>,
            .q5_k = Blocks<T, Q45_K<true>, 256, 176>,
            .q6_k = Blocks<T, Q6_K, 256, 210>,
            .iq4_xs = Blocks<T, IQ4_XS, 256, 136>};
}

}  // namespace

template <typename T>
const KernelList<AnyProblem, GgufBlockFunctions<T>>& GgufBlockKernels() {
    static const KernelList<AnyProblem, GgufBlockFunctions<T>> list(
        "gguf_blocks", {{"highway", NeedsSimd<AnyProblem>, GgufBlocksHighway<T>()},
                        {"reference", NeverDeclines<AnyProblem>, Reference<T>()}});
    return list;
}

template const KernelList<AnyProblem, GgufBlockFunctions<float>>& GgufBlockKernels();
template const KernelList<AnyProblem, GgufBlockFunctions<bf16>>& GgufBlockKernels();

}  // namespace hone
