#include "data/format/question.h"

#include <gmock/gmock.h>

#include "data/format/test_support.h"

namespace hone {
namespace {

using nlohmann::ordered_json;
using testing::HasSubstr;

DataRow Row(std::string_view json, const RowFormatOptions& options = {}) {
    const ordered_json row = ordered_json::parse(json);
    return RowConverter::Detect(row, options).value().Convert(row).value();
}

TEST(Question, OfAChatIsWhatTrainingPutsBeforeTheLastAnswer) {
    const auto encoder = TestEncoder();
    const DataRow row = Row(R"({"messages":[{"role":"system","content":"Be brief."},
        {"role":"user","content":"Hi"},{"role":"assistant","content":"Hello."},
        {"role":"user","content":"Bye"},{"role":"assistant","content":"See you."},
        {"role":"user","content":"no answer"}]})");
    const Question question = AskRow(row, *encoder, {}).value();
    EXPECT_EQ(question.text, "Bye");
    EXPECT_EQ(question.answer, "See you.");
    const std::string text = WholeText(*encoder, question.tokens);
    EXPECT_THAT(text, HasSubstr("Hello."));
    EXPECT_THAT(text, testing::EndsWith("Bye<|im_end|>\n<|im_start|>assistant\n"));
    const DataRow other = WithAnswer(row, "Ciao.");
    const EncodedRow encoded = encoder->EncodeRow(other, {}).value();
    EXPECT_EQ(TrainedText(*encoder, encoded.example), "Ciao.<|im_end|>");
    EXPECT_TRUE(
        std::equal(question.tokens.begin(), question.tokens.end(), encoded.example.tokens.begin()));
}

TEST(Question, OfATextIsWhatComesBeforeItsLastTrainedPart) {
    const auto encoder = TestEncoder();
    const DataRow row =
        Row(R"({"q":"one","a":"two"})", {.text_template = "Q: {q}\\nA: [[{a}]]\\nend"});
    const Question question = AskRow(row, *encoder, {}).value();
    EXPECT_EQ(question.text, "Q: one\nA: ");
    EXPECT_EQ(question.answer, "two");
    EXPECT_EQ(WholeText(*encoder, question.tokens), "Q: one\nA:");
    const DataRow other = WithAnswer(row, "three");
    ASSERT_EQ(other.parts.size(), 2u);
    EXPECT_FALSE(other.parts[0].trained);
    EXPECT_EQ(other.parts[1].text, "three");
    const DataRow spaced = WithAnswer(Row(R"({"prompt":"p:","completion":" x"})"), "y");
    EXPECT_EQ(spaced.parts[1].text, " y");
}

TEST(Question, RowsWithoutAnAnswerSayWhy) {
    const auto encoder = TestEncoder();
    const auto reason = [&](std::string_view row, const RowFormatOptions& options = {}) {
        return std::string(AskRow(Row(row, options), *encoder, {}).status().message());
    };
    EXPECT_THAT(reason(R"({"text":"all of it"})"), HasSubstr("[[ ]]"));
    EXPECT_THAT(reason(R"({"a":"x"})", {.text_template = "{a}"}), HasSubstr("[[ ]]"));
    EXPECT_THAT(reason(R"({"input_ids":[1,2]})"), HasSubstr("token ids"));
    EXPECT_THAT(reason(R"({"messages":[{"role":"user","content":"a"},{"role":"assistant",
        "tool_calls":[{"function":{"name":"f","arguments":"{}"}}]}]})"),
                HasSubstr("calls a tool"));
}

}  // namespace
}  // namespace hone
