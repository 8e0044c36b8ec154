#include "kernels/dynamic_map/dynamic_map.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/files/testing.h"

namespace hone {
namespace {

// bitsandbytes.functional.create_dynamic_map(signed=False).
TEST(DynamicMap, HasTheNumbersOfBitsandbytes) {
    const auto whole = DynamicMap::Unsigned().numbers();
    EXPECT_EQ(whole[0], 0);
    EXPECT_EQ(whole[255], 1);
    EXPECT_FLOAT_EQ(whole[1], 3.25e-7f);
    EXPECT_FLOAT_EQ(whole[2], 7.75e-7f);
    EXPECT_FLOAT_EQ(whole[254], 0.996484375f);
    const auto halves = DynamicMap::Signed().numbers();
    EXPECT_FLOAT_EQ(halves[0], -0.99296875f);
    EXPECT_EQ(halves[127], 0);
    EXPECT_EQ(halves[255], 1);
}

TEST(DynamicMap, NearestIsTheNearest) {
    TestRandom random(5);
    for (const DynamicMap* map : {&DynamicMap::Signed(), &DynamicMap::Unsigned()}) {
        const auto numbers = map->numbers();
        const auto check = [&](float value) {
            const float miss = std::abs(numbers[map->Nearest(value)] - value);
            for (float number : numbers)
                ASSERT_LE(miss, std::abs(number - value)) << value << " against " << number;
        };
        for (int i = 0; i < 256; ++i) {
            EXPECT_EQ(map->Nearest(numbers[i]), i);
            if (i == 255) continue;
            const float middle = (numbers[i] + numbers[i + 1]) / 2;
            for (float value :
                 {middle, std::nextafter(middle, -2.0f), std::nextafter(middle, 2.0f)})
                check(value);
        }
        for (int i = 0; i < 2000; ++i) {
            const double decade = random.Between(-9, 0);
            check(static_cast<float>(std::pow(10.0, decade)) *
                  std::min(1.0f, std::max(-1.0f, random.Normal() / 3)));
        }
        check(1.0f);
        check(-1.0f);
        check(-0.0f);
    }
}

}  // namespace
}  // namespace hone
