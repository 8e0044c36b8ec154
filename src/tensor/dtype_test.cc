#include "tensor/dtype.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/files/testing.h"

namespace hone {
namespace {

// The value of a 16-bit float with `exponent_bits`, by definition.
double Value(uint16_t bits, int exponent_bits) {
    const int fraction_bits = 15 - exponent_bits, bias = (1 << (exponent_bits - 1)) - 1;
    const int exponent = (bits >> fraction_bits) & ((1 << exponent_bits) - 1);
    const int fraction = bits & ((1 << fraction_bits) - 1);
    const double sign = bits & 0x8000 ? -1 : 1;
    if (exponent == (1 << exponent_bits) - 1) return fraction ? NAN : sign * INFINITY;
    if (exponent == 0) return sign * std::ldexp(fraction, 1 - bias - fraction_bits);
    return sign * std::ldexp((1 << fraction_bits) + fraction, exponent - bias - fraction_bits);
}

TEST(DType, SizesAndNames) {
    EXPECT_EQ(DTypeBytes(DType::kF32), 4);
    EXPECT_EQ(DTypeBytes(DType::kBF16), 2);
    EXPECT_EQ(DTypeBytes(DType::kI64), 8);
    EXPECT_EQ(DTypeBytes(DType::kBool), 1);
    EXPECT_EQ(DTypeName(DType::kBF16), "BF16");
    EXPECT_EQ(DTypeName(DType::kBool), "BOOL");
    EXPECT_EQ(kDTypeOf<f16>, DType::kF16);
}

TEST(DType, EveryHalfHasItsValueAndComesBack) {
    for (uint32_t bits = 0; bits < 65536; ++bits) {
        const uint16_t word = static_cast<uint16_t>(bits);
        const double half = Value(word, 5), brain = Value(word, 8);
        const float from_half = ToFloat(f16{word}), from_brain = ToFloat(bf16{word});
        if (std::isnan(half)) {
            EXPECT_TRUE(std::isnan(from_half)) << bits;
            EXPECT_TRUE(std::isnan(ToFloat(ToF16(from_half)))) << bits;
        } else {
            EXPECT_EQ(from_half, half) << bits;
            EXPECT_EQ(ToF16(from_half).bits, word);
        }
        if (std::isnan(brain)) {
            EXPECT_TRUE(std::isnan(from_brain)) << bits;
            EXPECT_TRUE(std::isnan(ToFloat(ToBF16(from_brain)))) << bits;
        } else {
            EXPECT_EQ(from_brain, brain) << bits;
            EXPECT_EQ(ToBF16(from_brain).bits, word);
        }
    }
}

// A float between two neighbours goes to the nearer, half way to the even one: checked just below,
// at and just above the middle of every pair of neighbours.
template <typename Round>
void CheckRounding(int exponent_bits, const Round& round) {
    const uint16_t infinity =
        static_cast<uint16_t>(((1 << exponent_bits) - 1) << (15 - exponent_bits));
    for (uint32_t bits = 0; bits + 1 < infinity; ++bits) {
        const uint16_t low = static_cast<uint16_t>(bits), high = static_cast<uint16_t>(bits + 1);
        const uint16_t even = low % 2 == 0 ? low : high;
        const float middle =
            static_cast<float>((Value(low, exponent_bits) + Value(high, exponent_bits)) / 2);
        for (uint16_t sign : {0x0000, 0x8000}) {
            const float s = sign ? -1.0f : 1.0f;
            ASSERT_EQ(round(s * middle).bits, even | sign) << bits;
            ASSERT_EQ(round(s * std::nextafter(middle, 0.0f)).bits, low | sign) << bits;
            ASSERT_EQ(round(s * std::nextafter(middle, INFINITY)).bits, high | sign) << bits;
        }
    }
}

TEST(DType, EveryMiddleOfTwoHalvesRoundsToEven) {
    CheckRounding(5, [](float x) { return ToF16(x); });
    CheckRounding(8, [](float x) { return ToBF16(x); });
}

TEST(DType, WhatIsTooLargeBecomesInfinityAndTooSmallZero) {
    EXPECT_EQ(ToF16(65504.0f).bits, 0x7bff);
    EXPECT_EQ(ToF16(65519.996f).bits, 0x7bff);
    EXPECT_EQ(ToF16(65520.0f).bits, 0x7c00);
    EXPECT_EQ(ToF16(-1e30f).bits, 0xfc00);
    EXPECT_EQ(ToF16(INFINITY).bits, 0x7c00);
    EXPECT_EQ(ToF16(0x1p-25f).bits, 0);
    EXPECT_EQ(ToF16(-0x1.1p-25f).bits, 0x8001);
    EXPECT_EQ(ToBF16(3.4e38f).bits, 0x7f80);
    EXPECT_EQ(ToBF16(-INFINITY).bits, 0xff80);
    EXPECT_EQ(ToBF16(std::bit_cast<float>(0x7f800001u)).bits, 0x7fc0)
        << "a NaN whose upper half is infinity's";
}

TEST(DType, RandomFloatsGoToTheNearest) {
    TestRandom random(1);
    for (int i = 0; i < 200'000; ++i) {
        const float x = std::bit_cast<float>(static_cast<uint32_t>(random.Next()));
        if (!std::isfinite(x)) continue;
        const uint16_t half = ToF16(x).bits;
        if (std::isfinite(Value(half, 5)) && (half & 0x7fff) > 0) {
            const double error = std::abs(x - Value(half, 5));
            for (int step : {-1, 1}) {
                const double neighbour = Value(static_cast<uint16_t>(half + step), 5);
                if (std::isfinite(neighbour)) {
                    ASSERT_LE(error, std::abs(x - neighbour)) << x;
                }
            }
        }
    }
}

}  // namespace
}  // namespace hone
