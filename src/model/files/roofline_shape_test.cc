#include "model/files/roofline_shape.h"

#include <gtest/gtest.h>

#include "model/files/golden_testing.h"

namespace hone {
namespace {

TEST(RooflineShapeTest, AnMlpHasAGateOrNone) {
    const auto gated = OpenModel(testkit::GoldenModel("tied")).value();
    const auto plain = OpenModel(testkit::GoldenModel("gpt2")).value();
    EXPECT_EQ(RooflineShapeOf(*gated).mlp_inputs, 2);
    const RooflineShape shape = RooflineShapeOf(*plain);
    EXPECT_EQ(shape.mlp_inputs, 1);
    EXPECT_EQ(shape.layers, plain->config.num_hidden_layers);
    EXPECT_EQ(shape.intermediate, plain->config.intermediate_size);
    EXPECT_EQ(shape.vocabulary, 0);
}

}  // namespace
}  // namespace hone
