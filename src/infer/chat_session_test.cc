#include "infer/chat_session.h"

#include <gtest/gtest.h>

#include "chat/chat_files.h"

namespace hone {
namespace {

// A tiny Llama with random weights: what it says means nothing, but it is always the same.
class ChatSessionTest : public testing::Test {
  protected:
    void SetUp() override {
        files_ = OpenModel(HONE_SOURCE_DIR "/tests/golden/models/tied").value();
        chat_ = OpenChat(*files_).value();
        model_ = Model::Load(*files_, {.compute = ComputeType::kF32}, context_).value();
    }
    Generator MakeGenerator() {
        return Generator(*model_, chat_->tokenizer, chat_->eos_ids, context_);
    }
    static GenerateOptions Options(int64_t max_new_tokens) {
        GenerateOptions options;
        options.max_new_tokens = max_new_tokens;
        options.sampling.temperature = 0;
        options.ignore_eos = true;
        return options;
    }

    Context context_{2};
    std::unique_ptr<ModelFiles> files_;
    std::unique_ptr<ChatFiles> chat_;
    std::unique_ptr<Model> model_;
};

// A template of our own: each message is its content's bytes as tokens, after a token for its role.
absl::StatusOr<std::vector<int32_t>> EncodeMessages(const nlohmann::ordered_json& messages) {
    std::vector<int32_t> tokens;
    for (const auto& message : messages) {
        tokens.push_back(message["role"] == "user" ? 20 : message["role"] == "system" ? 21 : 22);
        for (unsigned char c : message["content"].get<std::string>()) tokens.push_back(30 + c % 20);
    }
    tokens.push_back(22);
    return tokens;
}

TEST_F(ChatSessionTest, AnswersAsAFreshPassOverTheWholeConversationWould) {
    Generator generator = MakeGenerator();
    ChatSession session(generator, EncodeMessages);
    session.Reset("be brief");
    nlohmann::ordered_json messages = {{{"role", "system"}, {"content", "be brief"}}};
    const GenerateOptions options = Options(6);
    for (const char* text : {"hello", "and then?", "a longer message than the others"}) {
        messages.push_back({{"role", "user"}, {"content", text}});
        GenerateRequest fresh;
        fresh.prompt = EncodeMessages(messages).value();
        fresh.options = options;
        GenerateStats stats;
        const auto answer = session.Say(text, options, nullptr, &stats);
        ASSERT_TRUE(answer.ok()) << answer.status();
        EXPECT_EQ(answer->tokens, generator.Generate({fresh}, 1).value()[0].tokens);
        // The cache still holds the beginning, unless it had to grow.
        EXPECT_LE(stats.prompt_tokens, static_cast<int64_t>(fresh.prompt.size()));
        messages.push_back({{"role", "assistant"}, {"content", answer->text}});
    }
    EXPECT_EQ(session.messages(), messages);
    session.Reset("");
    EXPECT_TRUE(session.messages().empty());
}

TEST_F(ChatSessionTest, ComputesOnlyWhatIsNew) {
    Generator generator = MakeGenerator();
    ChatSession session(generator, EncodeMessages);
    session.Reset("");
    GenerateOptions options = Options(2);
    GenerateStats first, second;
    ASSERT_TRUE(session.Say("some words to begin with", options, nullptr, &first).ok());
    session.Reset("");
    ASSERT_TRUE(session.Say("some words to begin wall", options, nullptr, &second).ok());
    EXPECT_EQ(first.prompt_tokens, 26);
    EXPECT_EQ(second.prompt_tokens,
              4);  // "all" after the common "w", and the token that opens the answer
}

TEST_F(ChatSessionTest, TakesBackAMessageThatCouldNotBeAnswered) {
    Generator generator = MakeGenerator();
    ChatSession session(generator, EncodeMessages);
    const GenerateOptions options = Options(2);
    const std::string endless(static_cast<size_t>(model_->config().max_position_embeddings), 'x');
    EXPECT_FALSE(session.Say(endless, options).ok());
    EXPECT_TRUE(session.messages().empty());
    EXPECT_TRUE(session.Say("short", options).ok());
    EXPECT_EQ(session.messages().size(), 2u);
}

}  // namespace
}  // namespace hone
