#include "base/random.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

namespace hone {
namespace {

using testing::ElementsAre;

// The first numbers of the authors' program, with seed 1234567.
TEST(RandomTest, IsSplitMix64) {
    Random random(1234567);
    for (uint64_t expected : {6457827717110365317u, 3203168211198807973u, 9817491932198370423u,
                              4593380528125082431u, 16408922859458223821u})
        EXPECT_EQ(random.Next(), expected);
}

TEST(RandomTest, AnyNumberOfTheSequenceByItself) {
    Random random(99);
    for (uint64_t index = 0; index < 1000; ++index) ASSERT_EQ(RandomAt(99, index), random.Next());
}

TEST(RandomTest, NumbersBelowABoundAreEquallyLikely) {
    Random random(5);
    std::vector<int> counts(7);
    for (int i = 0; i < 70'000; ++i) ++counts[random.Below(counts.size())];
    for (int count : counts) EXPECT_NEAR(count, 10'000, 500);  // five standard deviations
    EXPECT_EQ(random.Below(1), 0u);
}

TEST(RandomTest, UnitsFillTheirRange) {
    Random random(6);
    double least = 1, most = 0, sum = 0;
    for (int i = 0; i < 10'000; ++i) {
        const double unit = random.NextUnit();
        least = std::min(least, unit), most = std::max(most, unit), sum += unit;
    }
    EXPECT_GE(least, 0);
    EXPECT_LT(least, 0.01);
    EXPECT_LT(most, 1);
    EXPECT_GT(most, 0.99);
    EXPECT_NEAR(sum / 10'000, 0.5, 0.02);
}

// Another machine or compiler must not change the order of an epoch.
TEST(RandomTest, AShuffleNeverChanges) {
    std::vector<int> values(10);
    std::iota(values.begin(), values.end(), 0);
    Random(42).Shuffle(&values);
    EXPECT_THAT(values, ElementsAre(0, 9, 5, 8, 6, 4, 7, 2, 1, 3));
}

}  // namespace
}  // namespace hone
