#include "answer/prompt.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>

#include "base/files/testing.h"
#include "base/limits.h"

namespace hone {
namespace {

using testing::HasSubstr;

absl::StatusOr<std::vector<Prompt>> Read(const std::string& text, const std::string& name,
                                         bool raw = false) {
    const TestFolder folder;
    return ReadPromptFile(folder.Write(name, text), raw);
}

std::string ErrorOf(const std::string& row) {
    const absl::Status status = Read("\"good\"\n" + row + "\n", "prompts.jsonl").status();
    EXPECT_EQ(KindOf(status), ErrorKind::kData) << row;
    EXPECT_THAT(std::string(status.message()), HasSubstr("line 2"));
    return std::string(status.message());
}

TEST(ReadPromptFile, TextFilesHaveOnePromptPerLine) {
    const auto prompts = Read(
                             "\xef\xbb\xbf"
                             "one\r\n\n  \ntwo words",
                             "prompts.txt")
                             .value();
    ASSERT_EQ(prompts.size(), 2u);
    EXPECT_EQ(prompts[0].text, "one");
    EXPECT_EQ(prompts[1].text, "two words");
    const auto& messages = prompts[1].conversation.messages;
    ASSERT_EQ(messages.size(), 1u);
    EXPECT_EQ(messages[0]["content"], "two words");
    EXPECT_TRUE(prompts[1].text_only);
}

TEST(ReadPromptFile, TablesHaveAColumnOfPrompts) {
    auto texts = [](const std::string& text, const std::string& name) {
        auto prompts = Read(text, name);
        if (!prompts.ok()) return std::string(prompts.status().message());
        std::string all;
        for (const Prompt& prompt : *prompts) all += prompt.text + "|";
        return all;
    };
    EXPECT_EQ(texts("label,prompt\nx,one\ny,\"two, three\"\n", "prompts.csv"), "one|two, three|");
    EXPECT_EQ(texts("Question;Answer\na,b?;c\n", "prompts.csv"), "a,b?|");
    EXPECT_EQ(texts("[{\"prompt\":\"a\"},\n{\"prompt\":\"b\"}]", "prompts.json"), "a|b|");
    // What an instruction is about belongs to it, as in training.
    EXPECT_EQ(texts("instruction,Input,output\ndo,this,x\nsay,,y\n", "prompts.csv"),
              "do\n\nthis|say|");
    // The ending counts in any case; a gzip file is known by its bytes.
    EXPECT_EQ(texts("{\"prompt\":\"a\"}\n", "prompts.ndjson"), "a|");
    EXPECT_EQ(texts("{\"prompt\":\"a\"}\n", "prompts.JSONL"), "a|");
    EXPECT_THAT(texts("\x1f\x8b\x08", "prompts"), HasSubstr("name it .jsonl.gz or .txt.gz"));
    EXPECT_THAT(
        texts("text,category\na,b\n", "prompts.csv"),
        HasSubstr("line 2: no column \"prompt\" (nor question, query, instruction or input): "
                  "the file has text, category"));
}

TEST(ReadPromptFile, RowsAreStringsPromptsOrMessages) {
    const auto prompts = Read(
                             "\"a\"\n{\"prompt\": \"b\"}\n"
                             "{\"messages\": [{\"role\": \"user\", \"content\": \"c\"}, {\"role\": "
                             "\"assistant\", \"content\": \"d\"}]}\n",
                             "prompts.jsonl")
                             .value();
    ASSERT_EQ(prompts.size(), 3u);
    EXPECT_EQ(prompts[0].text, "a");
    EXPECT_EQ(prompts[1].text, "b");
    EXPECT_EQ(prompts[2].text, "c");
    // The answer of a training row is what is asked for.
    ASSERT_EQ(prompts[2].conversation.messages.size(), 1u);
    EXPECT_FALSE(prompts[2].text_only);
}

TEST(ReadPromptFile, MessagesNeedTheChatTemplate) {
    const std::string row = R"({"messages": [{"role": "user", "content": "c"}]})";
    EXPECT_THAT(std::string(Read(row, "prompts.jsonl", true).status().message()),
                HasSubstr("--raw takes texts"));
    EXPECT_TRUE(Read("Once upon\n", "prompts.txt", true).ok());
}

TEST(AddSystemPrompt, GoesBeforeMessagesThatBringNone) {
    Conversation conversation = MakePrompt("hello")->conversation;
    AddSystemPrompt("", conversation);
    ASSERT_EQ(conversation.messages.size(), 1u);
    AddSystemPrompt("be brief", conversation);
    AddSystemPrompt("be long", conversation);
    ASSERT_EQ(conversation.messages.size(), 2u);
    EXPECT_EQ(conversation.messages[0]["role"], "system");
    EXPECT_EQ(conversation.messages[0]["content"], "be brief");
    EXPECT_EQ(conversation.weights.size(), 2u);
    conversation.messages[0]["role"] = "developer";
    AddSystemPrompt("be long", conversation);
    EXPECT_EQ(conversation.messages.size(), 2u);
}

TEST(ReadPromptFile, ErrorsNameTheLine) {
    EXPECT_THAT(ErrorOf("{"), HasSubstr("not valid JSON"));
    EXPECT_THAT(ErrorOf("7"), HasSubstr("expected a string"));
    EXPECT_THAT(ErrorOf("{\"prompt\": 7}"), HasSubstr("not a string"));
    EXPECT_THAT(ErrorOf("{\"question\": \"x\"}"), HasSubstr("\"prompt\""));
    EXPECT_THAT(ErrorOf("\"\""), HasSubstr("empty"));
    ErrorOf("{\"messages\": [{\"role\": \"wizard\", \"content\": \"x\"}]}");
    ErrorOf("{\"messages\": []}");
    EXPECT_EQ(KindOf(Read("\n \n", "prompts.txt").status()), ErrorKind::kData);
    EXPECT_EQ(KindOf(ReadPromptFile("no-such-file.txt", false).status()), ErrorKind::kData);
}

TEST(ReadPromptFile, NestingHasALimit) {
    // The object itself is one level.
    const auto row = [](size_t levels) {
        return "{\"prompt\": \"x\", \"more\": " + std::string(levels - 1, '[') +
               std::string(levels - 1, ']') + "}";
    };
    EXPECT_TRUE(Read(row(kMaxJsonDepth), "prompts.jsonl").ok());
    EXPECT_THAT(ErrorOf(row(kMaxJsonDepth + 1)), HasSubstr("nested deeper"));
    EXPECT_THAT(ErrorOf(row(100 * kMaxJsonDepth)), HasSubstr("nested deeper"));
}

}  // namespace
}  // namespace hone
