#include "chat/chat_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "chat/inspect.h"
#include "model/files/golden_testing.h"

namespace hone {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using Json = nlohmann::ordered_json;

class ChatFilesTest : public testing::Test {
  protected:
    absl::StatusOr<std::unique_ptr<ChatFiles>> Open() {
        HONE_ASSIGN_OR_RETURN(const auto files, OpenModel(folder_.path()));
        return OpenChat(*files);
    }
    std::unique_ptr<ChatFiles> Opened() {
        auto chat = Open();
        EXPECT_TRUE(chat.ok()) << chat.status();
        return chat.ok() ? *std::move(chat) : nullptr;
    }
    std::string Error() {
        const absl::Status status = Open().status();
        EXPECT_EQ(KindOf(status), ErrorKind::kModel) << status;
        return std::string(status.message());
    }

    testkit::GoldenFolder folder_;
};

TEST_F(ChatFilesTest, ReadsTokensTemplateAndDefaults) {
    folder_.Edit("tokenizer_config.json", [](Json& json) {
        json["eos_token"] = {{"content", "<|im_end|>"}, {"special", true}};
        json["bos_token"] = "<|endoftext|>";
    });
    folder_.Edit("generation_config.json", [](Json& json) {
        json = {{"temperature", 0.25},
                {"top_p", 0.5},
                {"top_k", 7},
                {"do_sample", true},
                {"eos_token_id", {0, 2}}};
    });
    const auto chat = Opened();
    ASSERT_NE(chat, nullptr);
    EXPECT_EQ(chat->generation.temperature, 0.25f);
    EXPECT_EQ(chat->generation.top_p, 0.5f);
    EXPECT_EQ(chat->generation.top_k, 7);
    EXPECT_TRUE(chat->generation.do_sample);
    EXPECT_EQ(chat->generation.repetition_penalty, std::nullopt);
    EXPECT_EQ(chat->eos_token, "<|im_end|>");
    EXPECT_EQ(chat->bos_id, chat->tokenizer->TokenToId("<|endoftext|>"));
    // The tokenizer's own first, whatever order the other files have.
    EXPECT_EQ(chat->eos_ids.front(), *chat->tokenizer->TokenToId("<|im_end|>"));
    EXPECT_THAT(chat->eos_ids, testing::UnorderedElementsAre(0, 2));
    EXPECT_TRUE(chat->has_chat_template);
    EXPECT_FALSE(chat->adds_bos);
    folder_.Edit("tokenizer_config.json", [](Json& json) { json["add_bos_token"] = true; });
    EXPECT_TRUE(Opened()->adds_bos);
}

TEST_F(ChatFilesTest, TheChatTemplateFromEveryPlace) {
    auto source = [&] { return Opened()->chat_template->sources().at("default"); };
    EXPECT_EQ(source(), testkit::Get(folder_ / "chat_template.jinja"));
    folder_.Edit("tokenizer_config.json",
                 [](Json& json) { json["chat_template"] = "from config"; });
    EXPECT_NE(source(), "from config");  // the file of its own wins
    fs::remove(folder_ / "chat_template.jinja");
    EXPECT_EQ(source(), "from config");
    folder_.Edit("tokenizer_config.json", [](Json& json) {
        json["chat_template"] = {{{"name", "tool_use"}, {"template", "tools"}},
                                 {{"name", "default"}, {"template", "plain"}}};
    });
    EXPECT_EQ(source(), "plain");
    folder_.Edit("tokenizer_config.json", [](Json& json) { json["chat_template"] = {1}; });
    EXPECT_THAT(Error(), HasSubstr("chat_template"));
    folder_.Edit("tokenizer_config.json", [](Json& json) { json.erase("chat_template"); });
    const auto chat = Opened();
    EXPECT_FALSE(chat->has_chat_template);
    EXPECT_EQ(chat->chat_template->sources().at("default"), ChatMlTemplate());
}

TEST_F(ChatFilesTest, NamedChatTemplates) {
    const Json tools = Json::array({{{"type", "function"}}});
    auto shown = [&](const Json& with) {
        auto text = Opened()->chat_template->Render(Json::array(), with, false);
        return text.ok() ? *text : std::string(text.status().message());
    };
    // As transformers 5 saves them.
    testkit::Put(folder_ / "chat_template.jinja", "plain {{ pad_token }}");
    fs::create_directory(folder_ / "additional_chat_templates");
    testkit::Put(folder_ / "additional_chat_templates/tool_use.jinja", "tools {{ unk_token }}");
    folder_.Edit("tokenizer_config.json", [](Json& json) {
        json["pad_token"] = "<pad>";
        json["unk_token"] = {{"content", "<unk>"}};
    });
    EXPECT_EQ(shown(nullptr), "plain <pad>");
    EXPECT_EQ(shown(tools), "tools <unk>");
    // As transformers 4 saves them.
    fs::remove(folder_ / "chat_template.jinja");
    fs::remove_all(folder_ / "additional_chat_templates");
    folder_.Edit("tokenizer_config.json", [](Json& json) {
        json["chat_template"] = {{{"name", "tool_use"}, {"template", "tools"}},
                                 {{"name", "rag"}, {"template", "r"}}};
    });
    EXPECT_EQ(shown(tools), "tools");
    EXPECT_THAT(shown(nullptr), HasSubstr("none called default"));
}

TEST_F(ChatFilesTest, BrokenTextFiles) {
    testkit::Put(folder_ / "chat_template.jinja", "{% for x in %}");
    EXPECT_THAT(Error(), HasSubstr("does not parse"));
    fs::remove(folder_ / "chat_template.jinja");
    std::string tokenizer = testkit::Get(folder_ / "tokenizer.json");
    testkit::Put(folder_ / "tokenizer.json", tokenizer.substr(0, tokenizer.size() / 2));
    EXPECT_THAT(Error(), HasSubstr("tokenizer.json"));
    fs::remove(folder_ / "tokenizer.json");
    EXPECT_THAT(Error(), HasSubstr("has no tokenizer.json"));
    testkit::Put(folder_ / "tokenizer.json", tokenizer);
    folder_.Edit("tokenizer_config.json", [](Json& json) { json["eos_token"] = "<nowhere>"; });
    EXPECT_THAT(Error(), HasSubstr("\"<nowhere>\" is not in the tokenizer"));
    folder_.Edit("tokenizer_config.json", [](Json& json) { json["eos_token"] = 5; });
    EXPECT_THAT(Error(), HasSubstr("eos_token"));
    testkit::Put(folder_ / "tokenizer_config.json", "{");
    EXPECT_THAT(Error(), HasSubstr("tokenizer_config.json"));
}

TEST_F(ChatFilesTest, ATokenizerWithMoreTokensThanTheEmbedding) {
    folder_.Edit("tokenizer.json", [](Json& json) {
        for (int i = 0; i < 100; ++i)
            json["added_tokens"].push_back({{"id", 380 + i},
                                            {"content", fmt::format("<extra{}>", i)},
                                            {"single_word", false},
                                            {"lstrip", false},
                                            {"rstrip", false},
                                            {"normalized", false},
                                            {"special", true}});
    });
    EXPECT_THAT(Error(), HasSubstr("the tokenizer has 480 tokens"));
}

TEST_F(ChatFilesTest, ATokenPastTheEmbeddingBehindAHole) {
    auto move_the_last_token = [&](int id) {
        folder_.Edit("tokenizer.json", [&](Json& json) {
            for (auto& [token, number] : json["model"]["vocab"].items())
                if (number >= 379) number = id;
        });
    };
    move_the_last_token(384);
    EXPECT_THAT(Error(), HasSubstr("1 of the tokenizer's tokens have ids past the 384 rows"));
    move_the_last_token(383);  // among the rows that pad the embedding
    EXPECT_NE(Opened(), nullptr);
}

TEST_F(ChatFilesTest, SummaryCountsParametersOnce) {
    const auto files = OpenModel(folder_.path()).value();
    const auto chat = OpenChat(*files).value();
    const ModelSummary summary = Summarize(*files, *chat);
    int64_t parameters = 0;
    for (const auto& stored : files->weights->tensors()) parameters += stored.elements();
    EXPECT_EQ(summary.parameters, parameters);
    EXPECT_EQ(summary.layers, files->config.num_hidden_layers);
    EXPECT_TRUE(summary.tied_embeddings);
    EXPECT_TRUE(summary.chat_template);
    Json json = ToJson(summary);
    EXPECT_EQ(json["architecture"], "LlamaForCausalLM");
    EXPECT_EQ(json["parameters"], parameters);
    EXPECT_EQ(json["tokenizer_size"], chat->tokenizer->vocabulary_size());
}

TEST(ChatFilesOfGguf, TokensTemplateAndTheEndOfATurn) {
    testkit::GoldenGguf gguf;
    gguf.AddTokenizer();
    const auto files = gguf.Open().value();
    const auto chat = OpenChat(*files).value();
    EXPECT_THAT(chat->eos_ids, ElementsAre(1, 0));  // 0: the metadata's eot_token_id
    EXPECT_EQ(chat->eos_token, "<|im_end|>");
    EXPECT_EQ(chat->chat_template->sources().at("default"),
              "{{ bos_token }}{{ messages[0].content }}");
}

TEST(ChatFilesOfGguf, WithoutATokenizer) {
    testkit::GoldenGguf gguf;
    gguf.builder.U32("llama.vocab_size", static_cast<uint32_t>(gguf.original().config.vocab_size));
    const absl::Status status = OpenChat(*gguf.Open().value()).status();
    EXPECT_EQ(KindOf(status), ErrorKind::kModel);
    EXPECT_THAT(std::string(status.message()), HasSubstr("no tokenizer"));
}

}  // namespace
}  // namespace hone
