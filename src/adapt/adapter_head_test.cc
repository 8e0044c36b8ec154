#include "adapt/adapter_head.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/files/file.h"
#include "base/files/testing.h"
#include "model/files/give_label_head.h"

namespace hone {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string Golden(const std::string& name) {
    return std::string(HONE_SOURCE_DIR) + "/tests/golden/" + name;
}

class AdapterHeadTest : public testing::Test {
  protected:
    AdapterHeadTest() : files_(OpenModel(Golden("models/tied")).value()) {}

    // A copy of PEFT's adapter, with that labels.json beside it.
    std::string Adapter(const std::string& labels) {
        for (const char* name : {"adapter_config.json", "adapter_model.safetensors"})
            folder_.Write(name, ReadFile(Golden("heads/tied-sequence/") + name).value());
        folder_.Write("labels.json", labels);
        return folder_ / "";
    }
    std::string ErrorOf(const std::string& labels) {
        return std::string(UseAdapterHead(Adapter(labels), *files_).message());
    }

    TestFolder folder_;
    std::unique_ptr<ModelFiles> files_;
};

TEST_F(AdapterHeadTest, PeftsAdapterBringsItsHead) {
    ASSERT_TRUE(UseAdapterHead(Golden("heads/tied-sequence"), *files_).ok());
    EXPECT_EQ(files_->config.head, HeadKind::kSequence);
    EXPECT_EQ(files_->config.labels.size(), 5U);
    EXPECT_EQ(files_->config.labels[4], "LABEL_4");
    EXPECT_EQ(LabelHeadModule(*files_), "score");
    // An adapter without a head changes nothing.
    const auto other = OpenModel(Golden("models/tied")).value();
    ASSERT_TRUE(UseAdapterHead(Golden("adapters/tied-lora"), *other).ok());
    EXPECT_EQ(other->config.head, HeadKind::kLanguageModel);
}

TEST_F(AdapterHeadTest, LabelsJsonNamesTheLabels) {
    ASSERT_TRUE(UseAdapterHead(Adapter(R"({"id2label":{"0":"a","1":"b","2":"c","3":"d","4":"e"},
                                   "problem_type":"multi_label_classification"})"),
                               *files_)
                    .ok());
    EXPECT_THAT(files_->config.labels, ElementsAre("a", "b", "c", "d", "e"));
    EXPECT_TRUE(files_->config.multi_label);
    EXPECT_THAT(ErrorOf(R"({"id2label":{"0":"a","1":"b"}})"),
                HasSubstr("names 2 labels, and the adapter's head has 5 rows"));
    EXPECT_THAT(ErrorOf("{}"), HasSubstr("id2label"));
}

TEST_F(AdapterHeadTest, AnAdapterForAnotherHeadIsRefused) {
    LoraConfig config;
    EXPECT_TRUE(FittingHead(*files_, config).ok());
    GiveLabelHead(*files_, HeadKind::kToken, {"O", "B-X"}, false, 1);
    EXPECT_THAT(std::string(FittingHead(*files_, config).status().message()),
                HasSubstr("CAUSAL_LM, and the model ends in a head for TOKEN_CLS"));
    config.task_type = "TOKEN_CLS";
    config.modules_to_save = {"classifier", "score"};  // as PEFT writes it
    EXPECT_THAT(FittingHead(*files_, config)->modules_to_save, ElementsAre("score"));
    EXPECT_THAT(WithHead(*files_, {}).modules_to_save, ElementsAre("score"));
}

TEST_F(AdapterHeadTest, ANewHeadDependsOnItsSeedAlone) {
    const auto head = [&](uint64_t seed) {
        const auto files = OpenModel(Golden("models/tied")).value();
        GiveLabelHead(*files, HeadKind::kSequence, {"a", "b"}, false, seed);
        const ModelTensor* tensor = FindModelTensor(*files, "head");
        std::vector<float> values(static_cast<size_t>(tensor->elements()));
        EXPECT_TRUE(ReadModelRows(*files, *tensor, 0, tensor->rows(), values.data()).ok());
        return values;
    };
    const std::vector<float> values = head(1);
    EXPECT_EQ(values, head(1));
    EXPECT_NE(values, head(2));
    double square = 0;
    for (const float value : values) square += double{value} * value;
    // 128 numbers of a deviation of 0.02.
    EXPECT_NEAR(std::sqrt(square / static_cast<double>(values.size())), 0.02, 0.006);
}

}  // namespace
}  // namespace hone
