// A block's codes become bytes, and then floats: each times the step of its group, and with the
// minimum of that where the type has one.
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
#if HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX2 && !defined(HWY_DISABLE_F16C)
    const hn::FixedTag<float, 4> d;
    const hn::Rebind<uint16_t, hn::FixedTag<float, 4>> du;
    const hn::Rebind<hwy::float16_t, hn::FixedTag<float, 4>> dh;
    return hn::GetLane(hn::PromoteTo(d, hn::BitCast(dh, hn::Set(du, bits))));
#else
    return ToFloat(f16{bits});
#endif
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

#if HWY_TARGET == HWY_SCALAR  // where the list declines this path, and no vector has 16 bytes

// The low nibbles of 16 bytes to `low`, and the high ones to `high`, each less `middle`.
HWY_INLINE void Nibbles(const uint8_t* bytes, int middle, int8_t* low, int8_t* high) {
    for (int i = 0; i < 16; ++i) low[i] = static_cast<int8_t>((bytes[i] & 15) - middle);
    for (int i = 0; i < 16; ++i) high[i] = static_cast<int8_t>((bytes[i] >> 4) - middle);
}
// The same with a fifth bit each: bit i of the 32 is that of code i.
HWY_INLINE void FiveBits(const uint8_t* bits, const uint8_t* bytes, int middle, int8_t* codes) {
    Nibbles(bytes, middle, codes, codes + 16);
    for (int i = 0; i < 32; ++i)
        codes[i] = static_cast<int8_t>(codes[i] + (bits[i / 8] >> (i % 8) & 1) * 16);
}
// The low and the high nibbles of 16 bytes, with fifth bits: bits `bit` and `bit` + 1 of the 16
// bytes of `fifth`.
HWY_INLINE void NibblesWithFifth(const uint8_t* bytes, const uint8_t* fifth, int bit, int8_t* low,
                                 int8_t* high) {
    Nibbles(bytes, 0, low, high);
    for (int i = 0; i < 16; ++i) {
        low[i] = static_cast<int8_t>(low[i] + (fifth[i] >> bit & 1) * 16);
        high[i] = static_cast<int8_t>(high[i] + (fifth[i] >> (bit + 1) & 1) * 16);
    }
}
// What the nibbles of 16 bytes stand for in the IQ4 types.
HWY_INLINE void Values16(const uint8_t* bytes, int8_t* codes) {
    Nibbles(bytes, 0, codes, codes + 16);
    for (int i = 0; i < 32; ++i) codes[i] = kIQ4Values[codes[i]];
}

#else

using D8 = hn::FixedTag<uint8_t, 16>;
using V8 = hn::Vec<D8>;

HWY_INLINE V8 Bytes(const uint8_t* from) { return hn::LoadU(D8(), from); }
HWY_INLINE void PutCodes(V8 codes, int middle, int8_t* to) {
    const hn::RebindToSigned<D8> di;
    hn::StoreU(hn::Sub(hn::BitCast(di, codes), hn::Set(di, static_cast<int8_t>(middle))), di, to);
}
HWY_INLINE V8 LowNibbles(V8 bytes) { return hn::And(bytes, hn::Set(D8(), 15)); }
HWY_INLINE V8 HighNibbles(V8 bytes) {
    const hn::FixedTag<uint16_t, 8> d;
    return LowNibbles(hn::BitCast(D8(), hn::ShiftRight<4>(hn::BitCast(d, bytes))));
}

// The low nibbles of 16 bytes to `low`, and the high ones to `high`, each less `middle`.
HWY_INLINE void Nibbles(const uint8_t* bytes, int middle, int8_t* low, int8_t* high) {
    const V8 pairs = Bytes(bytes);
    PutCodes(LowNibbles(pairs), middle, low);
    PutCodes(HighNibbles(pairs), middle, high);
}

// 16 where the byte has that bit set.
HWY_INLINE V8 Sixteens(V8 bytes, V8 bit) {
    return hn::And(hn::VecFromMask(D8(), hn::Eq(hn::And(bytes, bit), bit)), hn::Set(D8(), 16));
}

// Of 16 bits: each byte goes to 8 lanes, of which each looks at a bit of its own.
HWY_INLINE V8 SixteensOfBits(const uint8_t* bits) {
    alignas(16) static constexpr uint8_t kByte[16] = {0, 0, 0, 0, 0, 0, 0, 0,
                                                      1, 1, 1, 1, 1, 1, 1, 1};
    alignas(16) static constexpr uint8_t kBit[16] = {1, 2, 4, 8, 16, 32, 64, 128,
                                                     1, 2, 4, 8, 16, 32, 64, 128};
    uint16_t word;
    std::memcpy(&word, bits, sizeof word);
    const V8 both = hn::BitCast(D8(), hn::Set(hn::FixedTag<uint16_t, 8>(), word));
    return Sixteens(hn::TableLookupBytes(both, Bytes(kByte)), Bytes(kBit));
}
// Nibbles with a fifth bit each: bit i of the 32 is that of code i.
HWY_INLINE void FiveBits(const uint8_t* bits, const uint8_t* bytes, int middle, int8_t* codes) {
    const V8 pairs = Bytes(bytes);
    PutCodes(hn::Or(LowNibbles(pairs), SixteensOfBits(bits)), middle, codes);
    PutCodes(hn::Or(HighNibbles(pairs), SixteensOfBits(bits + 2)), middle, codes + 16);
}
// The low and the high nibbles of 16 bytes, with fifth bits: bits `bit` and `bit` + 1 of the 16
// bytes of `fifth`.
HWY_INLINE void NibblesWithFifth(const uint8_t* bytes, const uint8_t* fifth, int bit, int8_t* low,
                                 int8_t* high) {
    const V8 pairs = Bytes(bytes), fifths = Bytes(fifth);
    const V8 first = hn::Set(D8(), static_cast<uint8_t>(1 << bit)),
             second = hn::Set(D8(), static_cast<uint8_t>(2 << bit));
    PutCodes(hn::Or(LowNibbles(pairs), Sixteens(fifths, first)), 0, low);
    PutCodes(hn::Or(HighNibbles(pairs), Sixteens(fifths, second)), 0, high);
}

// What the nibbles of 16 bytes stand for in the IQ4 types.
HWY_INLINE void Values16(const uint8_t* bytes, int8_t* codes) {
    const V8 values = Bytes(reinterpret_cast<const uint8_t*>(kIQ4Values)), pairs = Bytes(bytes);
    PutCodes(hn::TableLookupBytes(values, LowNibbles(pairs)), 0, codes);
    PutCodes(hn::TableLookupBytes(values, HighNibbles(pairs)), 0, codes + 16);
}

#endif

// The types: elements and bytes of a block, elements of a group, whether there are offsets, and how
// a block is read.
struct Q4_0 {
    static constexpr int kElements = 32, kBytes = 18, kGroup = 32;
    static constexpr bool kOffset = false;
    static HWY_INLINE void Read(const uint8_t* b, Block& block) {
        block.steps[0] = Half(b);
        Nibbles(b + 2, 8, block.codes, block.codes + 16);
    }
};
struct Q4_1 {
    static constexpr int kElements = 32, kBytes = 20, kGroup = 32;
    static constexpr bool kOffset = true;
    static HWY_INLINE void Read(const uint8_t* b, Block& block) {
        block.steps[0] = Half(b);
        block.offsets[0] = Half(b + 2);
        Nibbles(b + 4, 0, block.codes, block.codes + 16);
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
            for (int i = 0; i < 32; i += 16) {
                if constexpr (kFiveBits)
                    NibblesWithFifth(bytes + i, fifth + i, 2 * pair, codes + i, codes + 32 + i);
                else
                    Nibbles(bytes + i, 0, codes + i, codes + 32 + i);
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
