#include "model/blocks/label_loss.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/files/testing.h"
#include "tensor/dtype.h"

namespace hone {
namespace {

TEST(FocalLoss, IsCrossEntropyWithoutGamma) {
    const FocalTerm term = FocalLoss(1.3, 2, 0);
    EXPECT_DOUBLE_EQ(term.loss, 2.6);
    EXPECT_DOUBLE_EQ(term.slope, 2);
}

TEST(FocalLoss, ItsSlopeIsThatOfItsLoss) {
    for (const double gamma : {0.5, 1.0, 2.0, 5.0})
        for (const double nll : {0.01, 0.4, 2.0, 9.0}) {
            constexpr double kStep = 1e-6;
            const double slope = (FocalLoss(nll + kStep, 1.5, gamma).loss -
                                  FocalLoss(nll - kStep, 1.5, gamma).loss) /
                                 (2 * kStep);
            EXPECT_NEAR(FocalLoss(nll, 1.5, gamma).slope, slope, 1e-6 * std::max(1.0, slope))
                << gamma << " " << nll;
        }
    // What is known for certain has no loss, and is no number that is none.
    EXPECT_EQ(FocalLoss(0, 1, 2).loss, 0);
    EXPECT_TRUE(std::isfinite(FocalLoss(0, 1, 0.5).slope));
}

TEST(BinaryLoss, IsTheMeanOverTheLabels) {
    const std::vector<float> logits = {0.5f, -2, 0};
    const std::vector<bool> right = {true, false, true};
    const double expected =
        (std::log1p(std::exp(-0.5)) + std::log1p(std::exp(-2.0)) + std::log(2.0)) / 3;
    const BinaryTerm term = BinaryLoss(logits, right, 2);
    EXPECT_NEAR(term.loss, 2 * expected, 1e-12);
    EXPECT_FALSE(term.correct);  // a logit of 0 chooses nothing
    EXPECT_TRUE(BinaryLoss(logits, {true, false, false}, 1).correct);
    EXPECT_NEAR(BinaryLoss(std::vector<float>{800, -800}, {false, true}, 1).loss, 800, 1e-6);
}

TEST(BinaryLoss, ItsGradientIsThatOfItsLoss) {
    TestRandom random(5);
    for (int round = 0; round < 20; ++round) {
        const auto V = static_cast<size_t>(random.Between(1, 9));
        std::vector<float> logits(V);
        std::vector<bool> right(V);
        for (size_t i = 0; i < V; ++i) {
            logits[i] = static_cast<float>(random.Between(-30, 30)) / 10;
            right[i] = random.Between(0, 1) == 1;
        }
        std::vector<float> gradient = logits, rounded = logits;
        BinaryGradient<float>(gradient, right, 1.5f, 0.5f);
        BinaryGradient<bf16>(rounded, right, 1.5f, 0.5f);
        for (size_t i = 0; i < V; ++i) {
            constexpr float kStep = 1e-2f;
            std::vector<float> up = logits, down = logits;
            up[i] += kStep;
            down[i] -= kStep;
            const double slope =
                (BinaryLoss(up, right, 1.5f).loss - BinaryLoss(down, right, 1.5f).loss) /
                (2 * double{kStep});
            EXPECT_NEAR(gradient[i], 0.5 * slope, 1e-4);
            const bf16* as_bf16 = reinterpret_cast<const bf16*>(rounded.data());
            EXPECT_NEAR(ToFloat(as_bf16[i]), gradient[i], 0.01 * std::abs(gradient[i]) + 1e-6);
        }
    }
}

TEST(LabelsOf, ThoseOfOneToken) {
    Batch batch;
    batch.Append({.tokens = {7}, .weights = {1}, .kind = LabelKind::kSequence, .row = 0});
    batch.Append({.tokens = {7, 8},
                  .weights = {0, 1},
                  .kind = LabelKind::kSequence,
                  .labels = {{1, 0}, {1, 2}},
                  .row = 1});
    EXPECT_EQ(LabelsOf(batch, 0, 3), (std::vector<bool>{false, false, false}));
    EXPECT_EQ(LabelsOf(batch, 2, 3), (std::vector<bool>{true, false, true}));
    EXPECT_EQ(batch.targets, (std::vector<int32_t>{-1, -1, 2}));
    EXPECT_EQ(batch.target_weights, (std::vector<float>{1, 0, 1}));
}

}  // namespace
}  // namespace hone
