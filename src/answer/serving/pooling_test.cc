#include "answer/serving/pooling.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "base/testing.h"

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
    EXPECT_THAT(Pool(Pooling::kFirst, hidden, 3, 2), testing::ElementsAre(1, 0));
    EXPECT_THAT(Pool(Pooling::kLast, hidden, 3, 2), testing::ElementsAre(0, 1));
    EXPECT_THAT(Pool(Pooling::kMean, hidden, 3, 2),
                testing::Pointwise(testing::FloatEq(), {3 / 12.369316877f, 12 / 12.369316877f}));
    EXPECT_THAT(Pool(Pooling::kFirst, hidden + 4, 1, 1), testing::ElementsAre(0));
    std::vector<float> embedding = {0.6f, 0, 0.8f};
    Shorten(embedding, 2);
    EXPECT_THAT(embedding, testing::ElementsAre(1, 0));
}

}  // namespace
}  // namespace hone
