#include "data/format/text_pair.h"

#include <gmock/gmock.h>

namespace hone {
namespace {

using nlohmann::ordered_json;
using ::testing::HasSubstr;

RowFormatOptions TextPairOptions(double max_score = 1) {
    RowFormatOptions options;
    options.labels.kind = LabelKind::kPair;
    options.labels.flag = "--task x";
    options.labels.max_score = max_score;
    return options;
}

// "text_a|text_b|score", or what is wrong with the row, which also says its format.
std::string ReadPair(const char* json, double max_score = 1) {
    const ordered_json row = ordered_json::parse(json);
    const auto converter = RowConverter::Detect(row, TextPairOptions(max_score));
    if (!converter.ok()) return std::string(converter.status().message());
    const auto pair = converter->Convert(row);
    if (!pair.ok()) return std::string(pair.status().message());
    EXPECT_EQ(pair->kind, DataRow::Kind::kTextPair);
    return fmt::format("{}|{}|{}", pair->parts[0].text, pair->parts[1].text, pair->score);
}

TEST(TextPair, ColumnsOfManyNames) {
    EXPECT_EQ(ReadPair(R"({"text_a":"x","text_b":"y","label":1})"), "x|y|1");
    EXPECT_EQ(ReadPair(R"({"id":7,"sentence1":"x","sentence2":"y","score":"0.25"})"), "x|y|0.25");
    EXPECT_EQ(ReadPair(R"({"Sentence_A":"x","Sentence_B":"y","similarity":0})"), "x|y|0");
    EXPECT_EQ(ReadPair(R"({"question1":"x","question2":"y","is_duplicate":true})"), "x|y|1");
    EXPECT_EQ(ReadPair(R"({"sentence1":"x","sentence2":"y","label":3.75})", 5), "x|y|0.75");
    EXPECT_EQ(ReadPair(R"({"sentence1":"x","sentence2":"y","label":true})", 5), "x|y|1");
    EXPECT_EQ(ReadPair(R"({"anchor":"x","positive":"y"})"), "x|y|1");
    EXPECT_EQ(ReadPair(R"({"query":"x","passage":"y","label":null})"), "x|y|1");
}

TEST(TextPair, WhatIsWrongIsNamed) {
    EXPECT_THAT(ReadPair(R"({"text":"x","label":1})"),
                HasSubstr("text_a=NAME,text_b=NAME,label=NAME"));
    EXPECT_THAT(ReadPair(R"({"text_a":"x","text_b":" ","label":1})"),
                HasSubstr("\"text_b\" is empty"));
    EXPECT_THAT(ReadPair(R"({"text_a":"x","text_b":2,"label":1})"), HasSubstr("must be a string"));
    EXPECT_THAT(ReadPair(R"({"text_a":"x","text_b":"y","label":1.01})"), HasSubstr("--max_score"));
    EXPECT_THAT(ReadPair(R"({"text_a":"x","text_b":"y","label":-1})"), HasSubstr("goes from 0"));
    EXPECT_THAT(ReadPair(R"({"text_a":"x","text_b":"y","label":"nan"})"),
                HasSubstr("must be a number"));
    EXPECT_THAT(ReadPair(R"({"text_a":"x","text_b":"y","label":[1]})"),
                HasSubstr("must be a number"));
    const auto converter = RowConverter::Detect(
        ordered_json::parse(R"({"text_a":"x","text_b":"y","label":1})"), TextPairOptions());
    const auto missing = converter->Convert(ordered_json::parse(R"({"text_a":"x","text_b":"y"})"));
    EXPECT_THAT(std::string(missing.status().message()), HasSubstr("\"label\" is missing"));
}

}  // namespace
}  // namespace hone
