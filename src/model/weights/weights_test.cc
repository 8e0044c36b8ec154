#include "model/weights/weights.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/weights/testing.h"

namespace hone {
namespace {

using testing::HasSubstr;

// A folder with tensors "a" in one.safetensors and "b" in two.safetensors, and an index.
class Shards : public testing::Test {
  protected:
    void SetUp() override {
        Write("one.safetensors", "a", 1);
        Write("two.safetensors", "b", 2);
        Index(R"({"weight_map": {"a": "one.safetensors", "b": "two.safetensors"}})");
    }
    void Write(std::string_view file, const std::string& tensor, float value) {
        ASSERT_TRUE(WriteSafetensors(
                        folder_ / file,
                        {{tensor, {1}, DType::kF32, {reinterpret_cast<const uint8_t*>(&value), 4}}},
                        {})
                        .ok());
    }
    void Index(std::string_view text) {
        testkit::Put(folder_ / "model.safetensors.index.json", text);
    }
    std::string Error() {
        auto weights = OpenWeights(folder_.path());
        EXPECT_FALSE(weights.ok());
        EXPECT_EQ(KindOf(weights.status()), ErrorKind::kModel);
        return std::string(weights.status().message());
    }

    TestFolder folder_;
};

TEST_F(Shards, AllOfThemAreRead) {
    auto weights = OpenWeights(folder_.path());
    ASSERT_TRUE(weights.ok()) << weights.status();
    ASSERT_EQ((*weights)->tensors().size(), 2u);
    EXPECT_EQ(*ReadTensor(*(*weights)->Find("a")), std::vector<float>{1});
    EXPECT_EQ(*ReadTensor(*(*weights)->Find("b")), std::vector<float>{2});
    (*weights)->DropPages();
    EXPECT_EQ(*ReadTensor(*(*weights)->Find("b")), std::vector<float>{2});
}

TEST_F(Shards, TheIndexAndTheShardsMustAgree) {
    Index(
        R"({"weight_map": {"a": "one.safetensors", "b": "two.safetensors", "c": "two.safetensors"}})");
    EXPECT_THAT(Error(), HasSubstr("\"c\" is in two.safetensors, but it is not"));
    Index(
        R"({"weight_map": {"a": "one.safetensors", "b": "one.safetensors", "c": "two.safetensors"}})");
    EXPECT_THAT(Error(), HasSubstr("\"b\" is in one.safetensors, but it is in two.safetensors"));
    Index(R"({"weight_map": {"a": "one.safetensors", "z": "two.safetensors"}})");
    EXPECT_THAT(Error(), HasSubstr("holds the tensor \"b\""));
    Index(R"({"weight_map": {"a": "one.safetensors", "b": "three.safetensors"}})");
    EXPECT_THAT(Error(), HasSubstr("three.safetensors"));
}

TEST_F(Shards, OneTensorInTwoShards) {
    Write("two.safetensors", "a", 2);
    EXPECT_THAT(Error(), HasSubstr("in two shards"));
}

TEST_F(Shards, ACutShard) {
    std::filesystem::resize_file(folder_ / "two.safetensors", 20);
    EXPECT_THAT(Error(), HasSubstr("two.safetensors"));
}

TEST_F(Shards, AnIndexThatIsNone) {
    for (const char* text :
         {"", "[]", "{}", R"({"weight_map": {}})", R"({"weight_map": {"a": 1}})",
          R"({"weight_map": {"a": "../one.safetensors"}})", R"({"weight_map": {"a": ".."}})",
          R"({"weight_map": {"a": "/etc/passwd"}})", R"({"weight_map": {"a": ""}})"}) {
        Index(text);
        EXPECT_THAT(Error(), HasSubstr("model.safetensors.index.json")) << text;
    }
}

TEST(Weights, AFolderWithoutWeightsSaysWhatItLacks) {
    TestFolder folder;
    EXPECT_THAT(std::string(OpenWeights(folder.path()).status().message()),
                testing::AllOf(HasSubstr("model.safetensors"), HasSubstr("pytorch_model.bin")));
}

TEST(Weights, EveryTypeSaysItsBlock) {
    EXPECT_EQ(StorageTypeName(StorageType::kQ6_K), "Q6_K");
    EXPECT_EQ(StorageBlockElements(StorageType::kQ4_K), 256);
    EXPECT_EQ(StorageBlockBytes(StorageType::kQ4_1), 20);
    EXPECT_EQ(StorageBlockBytes(StorageType::kBF16), 2);
}

}  // namespace
}  // namespace hone
