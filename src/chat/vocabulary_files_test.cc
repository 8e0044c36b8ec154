#include "chat/vocabulary_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/files/file.h"
#include "base/files/test_files.h"
#include "text/testing.h"

namespace hone {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class VocabularyFiles : public testing::Test {
  protected:
    void SetUp() override {
        config_.model_type = "gpt2";
        config_.eos_token_ids = {3};
        Put("vocab.json", R"({"a": 0, "b": 1, "ab": 2, "<e>": 3})");
        Put("merges.txt", "#version: 0.2\na b\n");
    }
    void Put(const std::string& file, std::string_view text) { testkit::Put(folder_ / file, text); }
    std::vector<int32_t> Ids(std::string_view text) {
        auto tokenizer = OpenVocabularyFiles(folder_.path(), config_);
        EXPECT_TRUE(tokenizer.ok()) << tokenizer.status();
        return tokenizer.ok() ? (*tokenizer)->Encode(text, true).value() : std::vector<int32_t>();
    }
    std::string Error() {
        const absl::Status status = OpenVocabularyFiles(folder_.path(), config_).status();
        EXPECT_EQ(KindOf(status), ErrorKind::kModel) << status;
        return std::string(status.message());
    }
    TestFolder folder_;
    ModelConfig config_;
};

TEST_F(VocabularyFiles, TokensMergesAndAddedTokens) {
    EXPECT_TRUE(HasVocabularyFiles(folder_.path()));
    EXPECT_EQ(Ids("aba<e>b"), (std::vector<int32_t>{2, 0, 3, 1}));
    Put("added_tokens.json", R"({"<tool>": 4})");
    EXPECT_EQ(Ids("a<tool>ab"), (std::vector<int32_t>{0, 4, 2}));
    Put("merges.txt", "a b\r\n\r\n");
    EXPECT_EQ(Ids("ab"), std::vector<int32_t>{2}) << "without a version";
    std::filesystem::remove(folder_ / "merges.txt");
    EXPECT_FALSE(HasVocabularyFiles(folder_.path()));
}

TEST_F(VocabularyFiles, TheIdsAreThoseOfPython) {
    const auto text = ReadFile(HONE_SOURCE_DIR "/src/text/testdata/families.json");
    ASSERT_TRUE(text.ok()) << text.status();
    const nlohmann::json golden = nlohmann::json::parse(*text);
    for (const char* name : {"gpt2", "qwen2"}) {
        const nlohmann::json& family = golden["families"][name];
        nlohmann::json vocabulary = nlohmann::json::object(), added = nlohmann::json::object();
        const size_t count = family["gguf"]["tokens"].size();
        for (size_t id = 0; id < count; ++id) {
            const bool control = family["gguf"]["token_types"][id] == 3;
            (control ? added : vocabulary)[family["gguf"]["tokens"][id].get<std::string>()] = id;
        }
        std::string merges;
        for (const nlohmann::json& merge : family["gguf"]["merges"])
            merges += merge.get<std::string>() + "\n";
        Put("vocab.json", vocabulary.dump());
        Put("added_tokens.json", added.dump());
        Put("merges.txt", merges);
        config_.model_type = name;
        config_.eos_token_ids = {static_cast<int32_t>(count) - 1};
        auto tokenizer = OpenVocabularyFiles(folder_.path(), config_);
        ASSERT_TRUE(tokenizer.ok()) << tokenizer.status();
        for (size_t i = 0; i < golden["lines"].size(); ++i) {
            const std::string line = golden["lines"][i];
            EXPECT_EQ(testkit::IdDigest((*tokenizer)->Encode(line, true).value()),
                      family["lines"][i])
                << name << ": " << line;
        }
    }
}

TEST_F(VocabularyFiles, WhatIsWrongSaysWhere) {
    config_.model_type = "llama";
    EXPECT_THAT(Error(), AllOf(HasSubstr("type llama"), HasSubstr("save_pretrained")));
    config_.model_type = "gpt2";
    Put("vocab.json", "[]");
    EXPECT_THAT(Error(), HasSubstr("vocab.json is no object"));
    for (const char* text : {R"({"a": 0, "b": 2})", R"({"a": 0, "b": 0})", R"({"a": -1})",
                             R"({"a": "0"})", R"({"a": 18446744073709551615})"}) {
        Put("vocab.json", text);
        EXPECT_THAT(Error(), AllOf(HasSubstr("vocab.json: the token"), HasSubstr("each once")));
    }
    Put("vocab.json", R"({"a": 0, "b": 1})");
    Put("added_tokens.json", R"({"c": 1})");
    EXPECT_THAT(Error(), HasSubstr("added_tokens.json: the token \"c\" has the id 1"));
    std::filesystem::remove(folder_ / "added_tokens.json");
    for (const char* text : {"ab\n", " b\n", "a \n", "a b c\n"}) {
        Put("merges.txt", std::string("#version\n") + text);
        EXPECT_THAT(Error(), HasSubstr("merges.txt: line 2 is no pair")) << text;
    }
    Put("merges.txt", "a b\n");
    EXPECT_THAT(Error(), HasSubstr("tokenizer of this vocabulary")) << "\"ab\" is no token";
}

}  // namespace
}  // namespace hone
