#include "train/embedding/pair_loss.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/files/testing.h"

namespace hone {
namespace {

EmbeddedPairs RandomPairs(TestRandom& random, int64_t rows, int64_t C) {
    EmbeddedPairs pairs = {.C = C};
    for (auto* side : {&pairs.first, &pairs.second})
        for (int64_t row = 0; row < rows; ++row) {
            double squares = 0;
            for (int64_t c = 0; c < C; ++c) {
                side->push_back(random.Normal());
                squares += static_cast<double>(side->back()) * side->back();
            }
            for (size_t i = side->size() - static_cast<size_t>(C); i < side->size(); ++i)
                (*side)[i] = static_cast<float>((*side)[i] / std::sqrt(squares));
        }
    for (int64_t row = 0; row < rows; ++row)
        pairs.scores.push_back(static_cast<float>(random.Between(0, 4)) / 4);
    return pairs;
}

TEST(PairLoss, SlopesAreThoseOfDifferences) {
    for (const std::string_view name : PairLossNames())
        for (const uint64_t seed : TestSeeds(5)) {
            TestRandom random(seed);
            const int64_t rows = random.Between(1, 5), C = random.Between(2, 6);
            const EmbeddedPairs pairs = RandomPairs(random, rows, C);
            const auto loss = MakePairLoss(name, {.margin = 0.9, .temperature = 0.3});
            PairSlopes slopes;
            ASSERT_TRUE(loss->Loss(pairs, &slopes).ok());
            for (const bool second : {false, true})
                for (size_t i = 0; i < pairs.first.size(); ++i) {
                    const auto moved = [&](float by) {
                        EmbeddedPairs at = pairs;
                        (second ? at.second : at.first)[i] += by;
                        return loss->Loss(at, nullptr).value();
                    };
                    const float step = 1e-3f;
                    EXPECT_NEAR((second ? slopes.second : slopes.first)[i],
                                (moved(step) - moved(-step)) / (2.0 * step), 5e-3)
                        << name << " " << i;
                }
        }
}

TEST(PairLoss, WhatTextsOfKnownPlacesGive) {
    // Rows: the same, at right angles, opposite.
    EmbeddedPairs pairs = {2, {1, 0, 1, 0, 1, 0}, {1, 0, 0, 1, -1, 0}, {1, 0, 0}};
    const auto loss = [&](std::string_view name, const EmbeddingOptions& options = {}) {
        return MakePairLoss(name, options)->Loss(pairs, nullptr).value();
    };
    EXPECT_NEAR(loss("contrastive"), 0, 1e-12);
    EXPECT_NEAR(loss("contrastive", {.margin = 1.5}), 0.5 * 0.25 / 3, 1e-12);
    EXPECT_NEAR(loss("cosine_similarity"), 1.0 / 3, 1e-12);
    EXPECT_NEAR(loss("infonce", {.temperature = 1}),
                std::log(std::exp(1.0) + 1 + std::exp(-1.0)) - 1, 1e-12);
    pairs.scores = {0, 0, 0};  // no text looks for another
    PairSlopes slopes;
    EXPECT_EQ(MakePairLoss("infonce", {})->Loss(pairs, &slopes).value(), 0);
    EXPECT_EQ(slopes.first, std::vector<float>(6));
}

}  // namespace
}  // namespace hone
