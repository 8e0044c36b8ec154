// A block's codes become bytes, by loops that every instruction set has, and then floats: each
// times the step of its group, and with the minimum of that where the type has one.
#include <cstring>

#include "kernels/gguf_blocks/gguf_blocks.h"
#include "kernels/simd/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/gguf_blocks/gguf_blocks_highway.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "kernels/simd/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace hone {
namespace HWY_NAMESPACE {
namespace gguf_blocks {
using namespace simd;  // NOLINT: the helpers of this instruction set

HWY_INLINE float Half(const uint8_t* bytes) {
    uint16_t bits;
    std::memcpy(&bits, bytes, sizeof bits);
    return ToFloat(f16{bits});
}

// The codes of one block, and the step of each group of them, with what is added to it.
struct Block {
    HWY_ALIGN int8_t codes[256];
    float steps[16], offsets[16];
};

// out[i] = codes[i] * step, + offset.
template <bool kOffset, typename T>
HWY_INLINE void Scale(const int8_t* codes, int64_t count, float step, float offset, T* out) {
    const hn::RebindToSigned<DF> di;
    const hn::Rebind<int8_t, DF> d8;
    const VF steps = Set(step), offsets = Set(offset);
    for (int64_t i = 0; i < count; i += Lanes()) {
        VF value = hn::Mul(hn::ConvertTo(DF(), hn::PromoteTo(di, hn::LoadU(d8, codes + i))), steps);
        if constexpr (kOffset) value = hn::Add(value, offsets);
        Store(value, out + i);
    }
}

// Nibbles of 16 bytes: the low ones, then the high ones, each less `middle`.
HWY_INLINE void Nibbles(const uint8_t* bytes, int middle, int8_t* codes) {
    for (int i = 0; i < 16; ++i) codes[i] = static_cast<int8_t>((bytes[i] & 15) - middle);
    for (int i = 0; i < 16; ++i) codes[16 + i] = static_cast<int8_t>((bytes[i] >> 4) - middle);
}

// Nibbles with a fifth bit each: bit i of the 32 is that of code i.
HWY_INLINE void FiveBits(const uint8_t* bits, const uint8_t* bytes, int middle, int8_t* codes) {
    alignas(32) uint8_t fifth[32];
    for (int part = 0; part < 4; ++part) {
        // Each bit of a byte to a byte of its own.
        const uint64_t spread = bits[part] * 0x0101010101010101u & 0x8040201008040201u;
        const uint64_t sixteens = ((spread + 0x7f7f7f7f7f7f7f7fu) >> 3) & 0x1010101010101010u;
        std::memcpy(fifth + part * 8, &sixteens, sizeof sixteens);
    }
    for (int i = 0; i < 16; ++i)
        codes[i] = static_cast<int8_t>(((bytes[i] & 15) | fifth[i]) - middle);
    for (int i = 0; i < 16; ++i)
        codes[16 + i] = static_cast<int8_t>(((bytes[i] >> 4) | fifth[16 + i]) - middle);
}

// The types: elements and bytes of a block, elements of a group, whether there are offsets, and how
// a block is read.
struct Q4_0 {
    static constexpr int kElements = 32, kBytes = 18, kGroup = 32;
    static constexpr bool kOffset = false;
    static HWY_INLINE void Read(const uint8_t* b, Block& block) {
        block.steps[0] = Half(b);
        Nibbles(b + 2, 8, block.codes);
    }
};
struct Q4_1 {
    static constexpr int kElements = 32, kBytes = 20, kGroup = 32;
    static constexpr bool kOffset = true;
    static HWY_INLINE void Read(const uint8_t* b, Block& block) {
        block.steps[0] = Half(b);
        block.offsets[0] = Half(b + 2);
        Nibbles(b + 4, 0, block.codes);
    }
};
struct Q5_0 {
    static constexpr int kElements = 32, kBytes = 22, kGroup = 32;
    static constexpr bool kOffset = false;
    static HWY_INLINE void Read(const uint8_t* b, Block& block) {
        block.steps[0] = Half(b);
        FiveBits(b + 2, b + 6, 16, block.codes);
    }
};
struct Q5_1 {
    static constexpr int kElements = 32, kBytes = 24, kGroup = 32;
    static constexpr bool kOffset = true;
    static HWY_INLINE void Read(const uint8_t* b, Block& block) {
        block.steps[0] = Half(b);
        block.offsets[0] = Half(b + 2);
        FiveBits(b + 4, b + 8, 0, block.codes);
    }
};
struct Q8_0 {
    static constexpr int kElements = 32, kBytes = 34, kGroup = 32;
    static constexpr bool kOffset = false;
    static HWY_INLINE void Read(const uint8_t* b, Block& block) {
        block.steps[0] = Half(b);
        std::memcpy(block.codes, b + 2, 32);
    }
};

HWY_INLINE void Values16(const uint8_t* bytes, int8_t* codes) {
    for (int i = 0; i < 16; ++i) codes[i] = kIQ4Values[bytes[i] & 15];
    for (int i = 0; i < 16; ++i) codes[16 + i] = kIQ4Values[bytes[i] >> 4];
}
struct IQ4_NL {
    static constexpr int kElements = 32, kBytes = 18, kGroup = 32;
    static constexpr bool kOffset = false;
    static HWY_INLINE void Read(const uint8_t* b, Block& block) {
        block.steps[0] = Half(b);
        Values16(b + 2, block.codes);
    }
};
struct IQ4_XS {
    static constexpr int kElements = 256, kBytes = 136, kGroup = 32;
    static constexpr bool kOffset = false;
    static HWY_INLINE void Read(const uint8_t* b, Block& block) {
        const float d = Half(b);
        for (int group = 0; group < 8; ++group) {
            const int low = (b[4 + group / 2] >> (group % 2 * 4)) & 15;
            const int high = (b[2 + group / 4] >> (group % 4 * 2)) & 3;
            block.steps[group] = d * static_cast<float>((low | high << 4) - 32);
            Values16(b + 8 + group * 16, block.codes + group * 32);
        }
    }
};

// Q4_K, and Q5_K with its fifth bits.
template <bool kFiveBits>
struct Q45_K {
    static constexpr int kElements = 256, kBytes = kFiveBits ? 176 : 144, kGroup = 32;
    static constexpr bool kOffset = true;
    static HWY_INLINE void Read(const uint8_t* b, Block& block) {
        const float d = Half(b), dmin = Half(b + 2);
        const uint8_t *packed = b + 4, *fifth = b + 16;
        const uint8_t* nibbles = b + 16 + (kFiveBits ? 32 : 0);
        for (int group = 0; group < 8; ++group) {
            const bool first = group < 4;
            const int scale = first ? packed[group] & 63
                                    : (packed[group + 4] & 15) | (packed[group - 4] >> 6) << 4;
            const int minimum = first ? packed[group + 4] & 63
                                      : (packed[group + 4] >> 4) | (packed[group] >> 6) << 4;
            block.steps[group] = d * static_cast<float>(scale);
            block.offsets[group] = -(dmin * static_cast<float>(minimum));
        }
        for (int pair = 0; pair < 4; ++pair) {
            const uint8_t* bytes = nibbles + pair * 32;
            int8_t* codes = block.codes + pair * 64;
            for (int i = 0; i < 32; ++i) codes[i] = static_cast<int8_t>(bytes[i] & 15);
            for (int i = 0; i < 32; ++i) codes[32 + i] = static_cast<int8_t>(bytes[i] >> 4);
            if constexpr (!kFiveBits) continue;
            for (int i = 0; i < 32; ++i) {
                const int two = fifth[i] >> (2 * pair);
                codes[i] = static_cast<int8_t>(codes[i] | (two & 1) << 4);
                codes[32 + i] = static_cast<int8_t>(codes[32 + i] | (two & 2) << 3);
            }
        }
    }
};

struct Q2_K {
    static constexpr int kElements = 256, kBytes = 84, kGroup = 16;
    static constexpr bool kOffset = true;
    static HWY_INLINE void Read(const uint8_t* b, Block& block) {
        const float d = Half(b + 80), dmin = Half(b + 82);
        for (int group = 0; group < 16; ++group) {
            block.steps[group] = d * static_cast<float>(b[group] & 15);
            block.offsets[group] = -(dmin * static_cast<float>(b[group] >> 4));
        }
        for (int quarter = 0; quarter < 8; ++quarter) {
            const uint8_t* pairs = b + 16 + quarter / 4 * 32;
            const int shift = quarter % 4 * 2;
            int8_t* codes = block.codes + quarter * 32;
            for (int i = 0; i < 32; ++i) codes[i] = static_cast<int8_t>((pairs[i] >> shift) & 3);
        }
    }
};

struct Q3_K {
    static constexpr int kElements = 256, kBytes = 110, kGroup = 16;
    static constexpr bool kOffset = false;
    static HWY_INLINE void Read(const uint8_t* b, Block& block) {
        const uint8_t *third = b, *scales = b + 96;
        const float d = Half(b + 108);
        for (int group = 0; group < 16; ++group) {
            const int low = (scales[group % 8] >> (group / 8 * 4)) & 15;
            const int high = (scales[8 + group % 4] >> (group / 4 * 2)) & 3;
            block.steps[group] = d * static_cast<float>((low | high << 4) - 32);
        }
        for (int eighth = 0; eighth < 8; ++eighth) {
            const uint8_t* pairs = b + 32 + eighth / 4 * 32;
            const int shift = eighth % 4 * 2;
            int8_t* codes = block.codes + eighth * 32;
            for (int i = 0; i < 32; ++i) {
                const int clear = ~(third[i] >> eighth) & 1;
                codes[i] = static_cast<int8_t>(((pairs[i] >> shift) & 3) - clear * 4);
            }
        }
    }
};

struct Q6_K {
    static constexpr int kElements = 256, kBytes = 210, kGroup = 16;
    static constexpr bool kOffset = false;
    static HWY_INLINE void Read(const uint8_t* b, Block& block) {
        const float d = Half(b + 208);
        for (int group = 0; group < 16; ++group)
            block.steps[group] = d * static_cast<float>(static_cast<int8_t>(b[192 + group]));
        for (int half = 0; half < 2; ++half) {
            const uint8_t *low = b + half * 64, *high = b + 128 + half * 32;
            int8_t* codes = block.codes + half * 128;
            for (int i = 0; i < 32; ++i) {
                const int pairs = high[i];
                codes[i] = static_cast<int8_t>(((low[i] & 15) | (pairs & 3) << 4) - 32);
                codes[32 + i] = static_cast<int8_t>(((low[32 + i] & 15) | (pairs & 12) << 2) - 32);
                codes[64 + i] = static_cast<int8_t>(((low[i] >> 4) | (pairs & 48)) - 32);
                codes[96 + i] = static_cast<int8_t>(((low[32 + i] >> 4) | (pairs & 192) >> 2) - 32);
            }
        }
    }
};

template <typename Type, typename T>
void Unpack(int64_t blocks, const uint8_t* bytes, T* out) {
    Block block;
    for (; blocks > 0; --blocks, bytes += Type::kBytes, out += Type::kElements) {
        Type::Read(bytes, block);
        for (int group = 0; group < Type::kElements / Type::kGroup; ++group)
            Scale<Type::kOffset>(block.codes + group * Type::kGroup, Type::kGroup,
                                 block.steps[group], Type::kOffset ? block.offsets[group] : 0,
                                 out + group * Type::kGroup);
    }
}

template <typename T>
GgufBlockFunctions<T> Functions() {
    return {.q4_0 = Unpack<Q4_0, T>,
            .q4_1 = Unpack<Q4_1, T>,
            .q5_0 = Unpack<Q5_0, T>,
            .q5_1 = Unpack<Q5_1, T>,
            .q8_0 = Unpack<Q8_0, T>,
            .iq4_nl = Unpack<IQ4_NL, T>,
            .q2_k = Unpack<Q2_K, T>,
            .q3_k = Unpack<Q3_K, T>,
            .q4_k = Unpack<Q45_K<false>, T>,
            .q5_k = Unpack<Q45_K<true>, T>,
            .q6_k = Unpack<Q6_K, T>,
            .iq4_xs = Unpack<IQ4_XS, T>};
}

}  // namespace gguf_blocks

GgufBlockFunctions<float> GgufBlocksF32() { return gguf_blocks::Functions<float>(); }
GgufBlockFunctions<bf16> GgufBlocksBF16() { return gguf_blocks::Functions<bf16>(); }

}  // namespace HWY_NAMESPACE
}  // namespace hone
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hone {

HWY_EXPORT(GgufBlocksF32);
HWY_EXPORT(GgufBlocksBF16);

template <>
GgufBlockFunctions<float> GgufBlocksHighway() {
    return HWY_DYNAMIC_DISPATCH(GgufBlocksF32)();
}
template <>
GgufBlockFunctions<bf16> GgufBlocksHighway() {
    return HWY_DYNAMIC_DISPATCH(GgufBlocksBF16)();
}

}  // namespace hone
#endif
