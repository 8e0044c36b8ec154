#include "model/files/pooling.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/files/file.h"
#include "base/files/testing.h"

namespace hone {
namespace {

TEST(Pooling, WhatTheFilesSay) {
    TestFolder folder;
    ModelFiles files;
    files.path = folder / "model";
    EXPECT_EQ(ReadPooling(files).value(), Pooling::kMean);
    ASSERT_TRUE(MakeDirectories(files.path + "/1_Pooling").ok());
    const auto read = [&](const std::string& config) {
        EXPECT_TRUE(WriteFileAtomic(files.path + "/1_Pooling/config.json", config).ok());
        return ReadPooling(files);
    };
    EXPECT_EQ(
        read(R"({"pooling_mode_mean_tokens": true, "pooling_mode_lasttoken": false})").value(),
        Pooling::kMean);
    EXPECT_EQ(read(R"({"pooling_mode_lasttoken": true, "include_prompt": true})").value(),
              Pooling::kLast);
    EXPECT_EQ(read(R"({"pooling_mode_cls_token": true})").value(), Pooling::kFirst);
    EXPECT_EQ(KindOf(read(R"({"pooling_mode_max_tokens": true})").status()), ErrorKind::kModel);
    EXPECT_EQ(
        KindOf(
            read(R"({"pooling_mode_lasttoken": true, "pooling_mode_cls_token": true})").status()),
        ErrorKind::kModel);
    EXPECT_FALSE(read("[").ok());
}

TEST(Pooling, MakesOneVectorOfLengthOne) {
    const float hidden[] = {3, 0, 0, 4, 0, 8};  // three tokens
    EXPECT_THAT(Pool(Pooling::kFirst, hidden, 3, 2), ::testing::ElementsAre(1, 0));
    EXPECT_THAT(Pool(Pooling::kLast, hidden, 3, 2), ::testing::ElementsAre(0, 1));
    EXPECT_THAT(Pool(Pooling::kMean, hidden, 3, 2),
                ::testing::Pointwise(testing::FloatEq(), {3 / 12.369316877f, 12 / 12.369316877f}));
    EXPECT_THAT(Pool(Pooling::kFirst, hidden + 4, 1, 1), ::testing::ElementsAre(0));
    std::vector<float> embedding = {0.6f, 0, 0.8f};
    Shorten(embedding, 2);
    EXPECT_THAT(embedding, ::testing::ElementsAre(1, 0));
}

TEST(Pooling, WhatIsWrittenIsRead) {
    TestFolder folder;
    ModelFiles files;
    files.path = folder / "model";
    for (const Pooling pooling : {Pooling::kMean, Pooling::kFirst, Pooling::kLast}) {
        ASSERT_TRUE(WritePooling(pooling, 4, folder / "adapter").ok());
        EXPECT_EQ(ReadPooling(files, folder / "adapter").value(), pooling);
    }
    EXPECT_TRUE(HasPooling(folder / "adapter"));
    EXPECT_FALSE(HasPooling(files.path));
    EXPECT_EQ(ReadPooling(files, "").value(), Pooling::kMean);
}

TEST(Pooling, TheGradientIsThatOfDifferences) {
    for (const uint64_t seed : TestSeeds(3)) {
        TestRandom random(seed);
        const int64_t tokens = random.Between(1, 4), C = random.Between(1, 6);
        std::vector<float> hidden(static_cast<size_t>(tokens * C)), slopes(static_cast<size_t>(C));
        for (float& value : hidden) value = static_cast<float>(random.Normal());
        for (float& value : slopes) value = static_cast<float>(random.Normal());
        for (const Pooling pooling : {Pooling::kMean, Pooling::kFirst, Pooling::kLast}) {
            const auto value = [&](const std::vector<float>& at) {
                const std::vector<float> embedding = Pool(pooling, at.data(), tokens, C);
                double sum = 0;
                for (size_t c = 0; c < embedding.size(); ++c)
                    sum += static_cast<double>(embedding[c]) * slopes[c];
                return sum;
            };
            std::vector<float> text(static_cast<size_t>(C)), gradient(hidden.size());
            const double length = PoolUnscaled(pooling, hidden.data(), tokens, C, text.data());
            PoolGradient(pooling, Pool(pooling, hidden.data(), tokens, C).data(), length,
                         slopes.data(), tokens, C, gradient.data());
            for (size_t i = 0; i < hidden.size(); ++i) {
                const auto moved = [&](float by) {
                    std::vector<float> at = hidden;
                    at[i] += by;
                    return value(at);
                };
                const float step = 1e-2f;
                EXPECT_NEAR(gradient[i], (moved(step) - moved(-step)) / (2.0 * step), 2e-3)
                    << seed << " " << i;
            }
        }
    }
}

}  // namespace
}  // namespace hone
