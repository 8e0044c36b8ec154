#include "tensor/dtype.h"

namespace hone {

f16 ToF16(float value) {
    uint32_t bits = std::bit_cast<uint32_t>(value);
    uint16_t sign = static_cast<uint16_t>((bits >> 16) & 0x8000);
    uint32_t magnitude = bits & 0x7fffffff;
    if (magnitude > 0x7f800000) return {static_cast<uint16_t>(sign | 0x7e00)};
    if (magnitude >= 0x477ff000) return {static_cast<uint16_t>(sign | 0x7c00)};
    if (magnitude < 0x38800000) {  // below 2^-14: a subnormal half, whose unit is 2^-24
        float scaled = std::bit_cast<float>(magnitude) * 0x1p24f;
        // Adding 2^23 rounds to an integer, ties to even.
        float rounded = (scaled + 0x1p23f) - 0x1p23f;
        return {static_cast<uint16_t>(sign | static_cast<uint16_t>(rounded))};
    }
    uint32_t rounded = magnitude + 0xfff + ((magnitude >> 13) & 1) - (112u << 23);
    return {static_cast<uint16_t>(sign | (rounded >> 13))};
}

}  // namespace hone
