// Rows of text and label, and of document and summary.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "data/format/row_format.h"

namespace hone {
namespace {

using nlohmann::ordered_json;
using testing::HasSubstr;

// "question -> answer" of a row that became a chat, or what is wrong.
std::string Asked(std::string_view row, RowFormatOptions options = {}) {
    options.model_has_template = true;
    auto converter = RowConverter::Detect(ordered_json::parse(row), options);
    if (!converter.ok()) return std::string(converter.status().message());
    auto converted = converter->Convert(ordered_json::parse(row));
    if (!converted.ok()) return std::string(converted.status().message());
    if (converted->kind != DataRow::Kind::kConversation) return "no chat";
    const ordered_json& messages = converted->conversation.messages;
    return fmt::format("{} -> {}", messages[0]["content"].get<std::string>(),
                       messages[1]["content"].get<std::string>());
}

TEST(TextLabel, TheLabelIsTheAnswerToTheText) {
    EXPECT_EQ(Asked(R"({"text":"good","label":"pos"})"), "good -> pos");
    EXPECT_EQ(Asked(R"({"text":"lost","category":"card_lost"})"), "lost -> card_lost");
    EXPECT_EQ(Asked(R"({"Sentence":"s","Label":"l"})"), "s -> l");
    EXPECT_EQ(Asked(R"({"text":"t","label":3})"), "t -> 3");
    EXPECT_EQ(Asked(R"({"text":"t","label":true})"), "t -> true");
    EXPECT_EQ(Asked(R"({"text":"t","label":1,"label_text":"spam"})"), "t -> spam");
    EXPECT_EQ(Asked(R"({"text":"t","label":1,"label_text":"spam"})",
                    {.columns = {{"text", "text"}, {"label", "label"}}}),
              "t -> 1");
}

TEST(TextLabel, NumbersHaveNames) {
    const RowFormatOptions names = {.label_names = {"neg", "pos"}};
    EXPECT_EQ(Asked(R"({"text":"t","label":1})", names), "t -> pos");
    EXPECT_EQ(Asked(R"({"text":"t","label":"0"})", names), "t -> neg");
    EXPECT_EQ(Asked(R"({"text":"t","label":true})", names), "t -> pos");
    EXPECT_EQ(Asked(R"({"text":"t","label":"pos"})", names), "t -> pos");
    EXPECT_EQ(Asked(R"({"text":"t","label":2})", names),
              "\"label\" is 2, and --label_names names 0 to 1");
    EXPECT_EQ(Asked(R"({"text":"t","label":-1})", names),
              "\"label\" is -1, and --label_names names 0 to 1");
    EXPECT_EQ(Asked(R"({"input":"a","output":"b"})", names),
              "--label_names is for rows of text and label; these are input and output "
              "(--label_names \"\" names none)");
}

TEST(TextLabel, LongTextsAreNoLabelsAndBadRowsSayWhy) {
    const std::string longer(101, 'x');
    EXPECT_EQ(Asked(R"({"text":"t","label":")" + longer + "\"}"), "no chat");
    EXPECT_EQ(Asked(R"({"text":"t","label":"a\nb"})"), "no chat");
    EXPECT_EQ(Asked(R"({"text":"t","topic":"a"})"), "no chat");
    EXPECT_EQ(Asked(R"({"text":" ","label":"a"})"), "\"text\" is empty");
    EXPECT_THAT(Asked(R"({"text":"t","label":""})"), HasSubstr("\"label\" is empty"));
    auto converter =
        RowConverter::Detect(ordered_json::parse(R"({"text":"t","label":"a"})"), {}).value();
    EXPECT_EQ(converter.Convert(ordered_json::parse(R"({"text":"t"})")).status().message(),
              "\"label\" is missing (the row has text)");
    EXPECT_EQ(
        converter.Convert(ordered_json::parse(R"({"text":"t","label":[1]})")).status().message(),
        "\"label\" must be a string or a whole number, not array");
}

TEST(TextLabel, WithoutAChatTemplateALineOfItsOwn) {
    auto converter =
        RowConverter::Detect(ordered_json::parse(R"({"text":"t","label":"a"})"), {}).value();
    EXPECT_EQ(RowFormatName(converter.format()), "text and label");
    EXPECT_EQ(converter.PromptTemplate(), R"({prompt}\n)");
    const DataRow row =
        converter.Convert(ordered_json::parse(R"({"text":"t","label":"a"})")).value();
    ASSERT_EQ(row.parts.size(), 2u);
    EXPECT_EQ(row.parts[0].text, "t\n");
    EXPECT_FALSE(row.parts[0].trained);
    EXPECT_EQ(row.parts[1].text, "a");
}

TEST(Summary, TheSummaryIsTheAnswerToTheDocument) {
    EXPECT_EQ(Asked(R"({"document":"long","summary":"short"})"), "long -> short");
    EXPECT_EQ(Asked(R"({"article":"long","highlights":"short","id":"1"})"), "long -> short");
    EXPECT_EQ(Asked(R"({"id":"1","dialogue":"A: hi","summary":"greets"})"), "A: hi -> greets");
    EXPECT_EQ(Asked(R"({"text":"long","summary":"short"})"), "long -> short");
    EXPECT_THAT(Asked(R"({"document":"long"})"), HasSubstr("document and summary"));
    const auto columns =
        RowConverter::Detect(ordered_json::parse(R"({"article":"a","highlights":"b"})"), {})
            .value()
            .columns();
    EXPECT_EQ(columns, (std::vector<std::pair<std::string, std::string>>{
                           {"input", "article"}, {"output", "highlights"}}));
}

TEST(Summary, ATextAloneOrSaidStaysAText) {
    EXPECT_EQ(Asked(R"({"text":"a"})"), "no chat");
    EXPECT_EQ(Asked(R"({"text":"a","label":"b"})", {.text_field = "text"}), "no chat");
    EXPECT_EQ(
        RowConverter::Detect(ordered_json::parse(R"({"text":"a"})"), {}).value().columns().size(),
        0u);
}

}  // namespace
}  // namespace hone
