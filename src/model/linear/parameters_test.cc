#include "model/linear/parameters.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace hone {
namespace {

ParameterSet ThreeSlices() {
    ParameterSet parameters;
    parameters.Add("a", {2, 2}, true);
    parameters.Add("b", {3}, true);
    parameters.Add("c", {1}, false);
    parameters.Allocate();
    std::ranges::fill(parameters.gradients(), 7.0f);
    return parameters;
}

TEST(ParameterSet, ClearedGradientsAreZeroWhoeverAsks) {
    ParameterSet parameters = ThreeSlices();
    parameters.ClearGradients();
    parameters.gradient(1)[2] += 1;
    EXPECT_EQ(parameters.gradient(1)[0], 0);
    parameters.gradient(1)[2] += 1;
    EXPECT_EQ(parameters.gradient(1)[2], 2) << "cleared twice";
    const auto gradients = parameters.gradients();
    EXPECT_EQ(std::count(gradients.begin(), gradients.end(), 0.0f), 7);
    EXPECT_EQ(gradients[6], 2);
}

TEST(ParameterSet, TheFirstWholeGradientIsWrittenAndTheNextAdded) {
    ParameterSet parameters = ThreeSlices();
    EXPECT_TRUE(parameters.whole_gradient(0).add) << "never cleared";
    parameters.ClearGradients();
    const GradientTarget first = parameters.whole_gradient(0);
    EXPECT_FALSE(first.add);
    EXPECT_EQ(first.values, parameters.whole_gradient(0).values);
    EXPECT_TRUE(parameters.whole_gradient(0).add);
    std::fill_n(first.values, 4, 5.0f);
    EXPECT_EQ(parameters.gradients()[0], 5) << "what was written is cleared";
    EXPECT_EQ(parameters.gradients()[4], 0);
    parameters.gradient(2);
    EXPECT_TRUE(parameters.whole_gradient(2).add) << "cleared, so there are values";
}

}  // namespace
}  // namespace hone
