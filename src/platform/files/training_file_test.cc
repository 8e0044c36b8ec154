#include "platform/files/training_file.h"

#include <gmock/gmock.h>

#include "base/files/testing.h"

namespace hone::platform {
namespace {

class TrainingFileTest : public testing::Test {
  protected:
    TrainingFileReport Read(const std::string& text) {
        return ReadTrainingFile(folder_.Write("rows.jsonl", text)).value();
    }
    // What is wrong with the one example; empty: nothing.
    std::string Reason(const std::string& row) {
        const auto report = Read(row + "\n");
        EXPECT_EQ(report.examples, 1);
        return report.bad.empty() ? "" : report.bad[0].reason;
    }
    TestFolder folder_;
};

constexpr char kUser[] = R"({"role":"user","content":"a"})";
constexpr char kAssistant[] = R"({"role":"assistant","content":"b"})";

TEST_F(TrainingFileTest, SpecialTokensAreNoText) {
    const SpecialTokens tokens({"<|im_end|>", "<|im_end|>!", "<s>", "</s>", "a"});
    EXPECT_EQ(tokens.FindIn("a < b <|im_end| > <S> <"), "");
    EXPECT_EQ(tokens.FindIn("x<<|im_end|>!</s>"), "<|im_end|>!");
    EXPECT_EQ(tokens.FindIn("</s>"), "</s>");
    EXPECT_EQ(SpecialTokens().FindIn("</s>"), "");
    const auto reason = [&](const std::string& row) {
        const std::string path = folder_.Write("rows.jsonl", row + "\n");
        const auto report = ReadTrainingFile(path, tokens).value();
        return report.bad.empty() ? "" : report.bad[0].reason;
    };
    const std::string invalid = "message contains an invalid token: <|im_end|>";
    EXPECT_EQ(reason(fmt::format(R"({{"messages":[{},{}]}})", kUser, kAssistant)), "");
    EXPECT_EQ(reason(R"({"messages":[{"role":"user","content":"a<|im_end|>b"},)" +
                     std::string(kAssistant) + "]}"),
              invalid);
    EXPECT_EQ(reason(R"({"messages":[{"role":"user","content":[{"type":"text",)"
                     R"("text":"<|im_end\u007c>"}]},)" +
                     std::string(kAssistant) + "]}"),
              invalid);
    EXPECT_EQ(reason(R"({"prompt":"","completion":"b<|im_end|>"})"), invalid);
}

TEST_F(TrainingFileTest, GoodExamplesOfEachFormat) {
    const std::string chat = fmt::format(R"({{"messages":[{},{}]}})", kUser, kAssistant);
    EXPECT_EQ(Reason(chat), "");
    EXPECT_EQ(Reason("\xEF\xBB\xBF" + chat), "");  // a byte order mark
    EXPECT_EQ(Reason(R"({"messages":[{"role":"user","content":"a"},)"
                     R"({"role":"assistant","content":"b","weight":0}],"tools":[]})"),
              "");
    EXPECT_EQ(Reason(R"({"prompt":"","completion":"b"})"), "");
    for (const char* suffix : {"output", "completion"})
        EXPECT_EQ(Reason(fmt::format(R"({{"input":{{"messages":[{}]}},"preferred_{}":[{}],)"
                                     R"("non_preferred_{}":[{}]}})",
                                     kUser, suffix, kAssistant, suffix, kAssistant)),
                  "");
    EXPECT_EQ(Read(chat + "\n\n" + chat).examples, 2);
    EXPECT_EQ(Read(chat).format, TrainingFormat::kChat);
    EXPECT_EQ(Read("").examples, 0);
}

TEST_F(TrainingFileTest, BadExamplesSayWhatIsWrong) {
    const std::vector<std::pair<std::string, std::string>> cases = {
        {"{}", "is missing key 'messages'"},
        {"{\"messages\":", "cannot be parsed, the line contains invalid JSON"},
        {R"({"messages":3})", "no list of at least one message"},
        {R"({"messages":[]})", "no list of at least one message"},
        {R"({"messages":[3]})", "a message that is no object"},
        {R"({"messages":[{"content":"a"}]})", "the discriminator 'role' is missing"},
        {R"({"messages":[{"role":"robot","content":"a"}]})", "unknown role"},
        {fmt::format(R"({{"messages":[{}]}})", kUser), "no message from the assistant"},
        {fmt::format(R"({{"messages":[{},{}],"weight":1}})", kUser, kAssistant),
         "contains an extra \"weight\""},
        {R"({"prompt":"a"})", "is missing key 'completion'"},
        {R"({"prompt":"a","completion":3})", "'completion' that is no string"},
        {R"({"prompt":"a","completion":""})", "an empty 'completion'"},
        {fmt::format(R"({{"preferred_output":[{}],"non_preferred_output":[{}]}})", kAssistant,
                     kAssistant),
         "is missing key 'input'"},
        {fmt::format(R"({{"input":{{"messages":[{}]}},"preferred_output":[{}]}})", kUser,
                     kAssistant),
         "is missing key 'non_preferred_output'"},
        {fmt::format(R"({{"input":{{"messages":[{}]}},"preferred_output":[{}],)"
                     R"("non_preferred_output":[{}]}})",
                     kUser, kUser, kAssistant),
         "not one message from the assistant"},
    };
    for (const auto& [row, reason] : cases) EXPECT_THAT(Reason(row), testing::HasSubstr(reason));
}

TEST_F(TrainingFileTest, EveryBadLineIsNamed) {
    const std::string good = fmt::format(R"({{"messages":[{},{}]}})", kUser, kAssistant) + "\n";
    const auto report =
        Read(good + "\n{}\n" + good + "nonsense\n" + R"({"prompt":"a","completion":"b"})" + "\n");
    EXPECT_EQ(report.examples, 5);
    EXPECT_EQ(report.bad_lines, 3);
    EXPECT_EQ(report.ToText().substr(0, 51),
              "Example 2 (line 3) is missing key 'messages'.\nExamp");
    EXPECT_EQ(report.bad[1].line, 5);
    EXPECT_EQ(report.bad[1].example, 4);
    EXPECT_THAT(report.bad[2].reason, testing::HasSubstr("is in the fine-tune-completion format"));
    std::string many;
    for (int i = 0; i < 150; ++i) many += "{}\n";
    EXPECT_THAT(Read(many).ToText(), testing::EndsWith("And 50 more lines cannot be used."));
}

}  // namespace
}  // namespace hone::platform
