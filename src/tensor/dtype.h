// Element types, and the conversions between float and the 16-bit formats.
#pragma once

#include <bit>
#include <cstdint>
#include <string_view>

namespace hone {

enum class DType { kF32, kF16, kBF16, kI64, kI32, kI8, kU8, kBool };

constexpr int64_t DTypeBytes(DType dtype) {
    switch (dtype) {
        case DType::kI64:
            return 8;
        case DType::kF32:
        case DType::kI32:
            return 4;
        case DType::kF16:
        case DType::kBF16:
            return 2;
        default:
            return 1;
    }
}

constexpr std::string_view DTypeName(DType dtype) {
    constexpr std::string_view kNames[] = {"F32", "F16", "BF16", "I64", "I32", "I8", "U8", "BOOL"};
    return kNames[static_cast<int>(dtype)];
}

// The upper half of an IEEE float: 8 bits of exponent, 7 of fraction.
struct bf16 {
    uint16_t bits = 0;
};
// IEEE half: 5 bits of exponent, 10 of fraction.
struct f16 {
    uint16_t bits = 0;
};

constexpr float ToFloat(float value) { return value; }
constexpr float ToFloat(bf16 value) {
    return std::bit_cast<float>(static_cast<uint32_t>(value.bits) << 16);
}

constexpr float ToFloat(f16 value) {
    uint32_t sign = static_cast<uint32_t>(value.bits & 0x8000) << 16;
    uint32_t exponent = (value.bits >> 10) & 31, fraction = value.bits & 1023;
    if (exponent == 31) return std::bit_cast<float>(sign | 0x7f800000 | (fraction << 13));
    if (exponent == 0) {
        float magnitude = static_cast<float>(fraction) * 0x1p-24f;
        return sign ? -magnitude : magnitude;
    }
    return std::bit_cast<float>(sign | ((exponent + 112) << 23) | (fraction << 13));
}

// Round to nearest even; NaN stays NaN (quiet).
constexpr bf16 ToBF16(float value) {
    uint32_t bits = std::bit_cast<uint32_t>(value);
    if ((bits & 0x7fffffff) > 0x7f800000) return {static_cast<uint16_t>((bits >> 16) | 0x40)};
    return {static_cast<uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16)};
}

f16 ToF16(float value);  // round to nearest even; overflow becomes infinity

template <typename T>
T FromFloat(float value);
template <>
constexpr float FromFloat<float>(float value) {
    return value;
}
template <>
constexpr bf16 FromFloat<bf16>(float value) {
    return ToBF16(value);
}

template <typename T>
inline constexpr DType kDTypeOf = DType::kF32;
template <>
inline constexpr DType kDTypeOf<bf16> = DType::kBF16;
template <>
inline constexpr DType kDTypeOf<f16> = DType::kF16;

}  // namespace hone
