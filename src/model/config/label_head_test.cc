#include "model/config/label_head.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hone {
namespace {

using Json = nlohmann::ordered_json;
using testing::ElementsAre;
using testing::HasSubstr;

std::string ErrorOf(std::string_view json) {
    return std::string(LabelsFromJson(Json::parse(json), "labels.json").status().message());
}

TEST(LabelHead, EveryFamilyIsFoundByItsClassifiers) {
    for (const ArchSpec* arch : AllArchs())
        for (const HeadKind kind : {HeadKind::kSequence, HeadKind::kToken}) {
            const std::string name = LabelArchitecture(*arch, kind);
            const auto found = FindArch(name);
            ASSERT_TRUE(found.ok()) << found.status();
            EXPECT_EQ(*found, arch) << name;
            EXPECT_EQ(HeadKindOf(name), kind);
        }
    EXPECT_EQ((*FindArch("GPT2ForTokenClassification"))->model_type, "gpt2");
    EXPECT_EQ(HeadKindOf("LlamaForCausalLM"), HeadKind::kLanguageModel);
    EXPECT_FALSE(FindArch("BertForSequenceClassification").ok());
}

TEST(LabelHead, LabelsStandUnderTheirNumbers) {
    const std::vector<std::string> labels = {"no", "yes", "maybe"};
    EXPECT_EQ(LabelsFromJson(LabelsJson(labels), "x").value(), labels);
    EXPECT_THAT(LabelsFromJson(Json::parse(R"({"1":"b","0":"a"})"), "x").value(),
                ElementsAre("a", "b"));
    EXPECT_THAT(ErrorOf(R"({"0":"a","2":"b"})"), HasSubstr("must be 0 to 1"));
    EXPECT_THAT(ErrorOf(R"({"0":"a","00":"b"})"), HasSubstr("leaves an id out"));
    EXPECT_THAT(ErrorOf(R"({"0":"a","1":"a"})"), HasSubstr("twice"));
    EXPECT_THAT(ErrorOf(R"({"0":1})"), HasSubstr("no text"));
    EXPECT_THAT(ErrorOf(R"({"-1":"a"})"), HasSubstr("must be 0 to 0"));
    EXPECT_THAT(ErrorOf("{}"), HasSubstr("1 to"));
    EXPECT_THAT(ErrorOf("[]"), HasSubstr("1 to"));
}

TEST(LabelHead, TheConfigSaysWhatTheHeadIs) {
    ModelConfig config;
    ASSERT_TRUE(
        ReadLabelHead(Json::parse(R"({"id2label":{"0":"a","1":"b"}})"), HeadKind::kToken, config)
            .ok());
    EXPECT_EQ(config.outputs(), 2);
    EXPECT_TRUE(config.head_bias);
    ASSERT_TRUE(ReadLabelHead(Json::parse(R"({"num_labels":3,
                                              "problem_type":"multi_label_classification"})"),
                              HeadKind::kSequence, config)
                    .ok());
    EXPECT_THAT(config.labels, ElementsAre("LABEL_0", "LABEL_1", "LABEL_2"));
    EXPECT_TRUE(config.multi_label);
    EXPECT_FALSE(config.head_bias);
    const absl::Status regression =
        ReadLabelHead(Json::parse(R"({"problem_type":"regression"})"), HeadKind::kSequence, config);
    EXPECT_THAT(std::string(regression.message()), HasSubstr("regression"));
}

TEST(LabelHead, AnotherHeadLeavesTheNetworkAsItIs) {
    const ArchSpec& arch = **FindArch("LlamaForCausalLM");
    ModelConfig config;
    config.hidden_size = 8;
    config.vocab_size = 50;
    config.json = Json::parse(R"({"architectures":["LlamaForCausalLM"],"num_labels":9,"x":1})");
    const ModelConfig changed =
        WithLabelHead(arch, config, HeadKind::kSequence, {"no", "yes"}, false);
    EXPECT_EQ(changed.json["architectures"], Json::parse(R"(["LlamaForSequenceClassification"])"));
    EXPECT_EQ(changed.json["label2id"], Json::parse(R"({"no":0,"yes":1})"));
    EXPECT_EQ(changed.json["problem_type"], "single_label_classification");
    EXPECT_FALSE(changed.json.contains("num_labels"));
    EXPECT_EQ(changed.json["x"], 1);
    EXPECT_EQ(changed.outputs(), 2);
    ModelConfig read;
    ASSERT_TRUE(ReadLabelHead(changed.json, HeadKind::kSequence, read).ok());
    EXPECT_EQ(read.labels, changed.labels);
}

}  // namespace
}  // namespace hone
