#include "chat/gguf_vocabulary.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "base/files/file.h"
#include "model/weights/testing.h"
#include "text/testing.h"

namespace hone {
namespace {

using testing::HasSubstr;
using testkit::Floats;
using testkit::GgufBuilder;
using testkit::Raw;

absl::StatusOr<GgufVocabulary> Read(const GgufBuilder& builder) {
    const std::string file = builder.Build();
    HONE_ASSIGN_OR_RETURN(const GgufContents contents, ParseGguf(testkit::Bytes(file), "m.gguf"));
    return ReadGgufVocabulary(contents.metadata, contents.token_lists, "m.gguf");
}

std::string ErrorOf(const GgufBuilder& builder) {
    const absl::Status status = Read(builder).status();
    EXPECT_EQ(KindOf(status), ErrorKind::kModel);
    EXPECT_THAT(std::string(status.message()), testing::StartsWith("m.gguf: "));
    return std::string(status.message());
}

TEST(GgufVocabularyTest, WhatTheFileSays) {
    GgufBuilder builder;
    builder.String("general.architecture", "gemma3");
    builder.String("tokenizer.ggml.model", "llama").String("tokenizer.ggml.pre", "default");
    builder.Strings("tokenizer.ggml.tokens", {"<unk>", "<s>", "</s>"})
        .Strings("tokenizer.ggml.merges", {"a b"});
    builder.List("tokenizer.ggml.scores", 6, 3, Floats({0, -1, -2}));
    builder.List("tokenizer.ggml.token_type", 5, 3,
                 Raw<int32_t>(2) + Raw<int32_t>(3) + Raw<int32_t>(3));
    builder.U32("tokenizer.ggml.bos_token_id", 1)
        .Key("tokenizer.ggml.eos_token_id", 5, Raw<int32_t>(2));
    builder.U32("tokenizer.ggml.padding_token_id", 0xffffffff)
        .Bool("tokenizer.ggml.add_bos_token", true);
    const auto read = Read(builder);
    ASSERT_TRUE(read.ok()) << read.status();
    const GgufVocabulary& vocabulary = *read;
    EXPECT_EQ(vocabulary.architecture, "gemma3");
    EXPECT_EQ(vocabulary.model, "llama");
    EXPECT_EQ(vocabulary.pre, "default");
    EXPECT_EQ(vocabulary.tokens, (std::vector<std::string>{"<unk>", "<s>", "</s>"}));
    EXPECT_EQ(vocabulary.scores, (std::vector<float>{0, -1, -2}));
    EXPECT_EQ(vocabulary.token_types, (std::vector<int32_t>{2, 3, 3}));
    EXPECT_EQ(vocabulary.merges, std::vector<std::string>{"a b"});
    EXPECT_EQ(vocabulary.bos_id, 1);
    EXPECT_EQ(vocabulary.eos_id, 2);
    EXPECT_EQ(vocabulary.pad_id, std::nullopt);
    EXPECT_EQ(vocabulary.add_bos, true);
}

TEST(GgufVocabularyTest, AVocabularyThatContradictsItself) {
    auto three = [] { return GgufBuilder().Strings("tokenizer.ggml.tokens", {"a", "b", "c"}); };
    EXPECT_THAT(ErrorOf(three().List("tokenizer.ggml.scores", 6, 1, Floats({1}))),
                HasSubstr("1 scores"));
    EXPECT_THAT(ErrorOf(three().List("tokenizer.ggml.token_type", 5, 1, Raw<int32_t>(1))),
                HasSubstr("1 token types"));
    EXPECT_THAT(ErrorOf(three().U32("tokenizer.ggml.bos_token_id", 3)),
                HasSubstr("there are 3 tokens"));
    EXPECT_THAT(ErrorOf(three().Key("tokenizer.ggml.eos_token_id", 5, Raw<int32_t>(-2))),
                HasSubstr("is -2"));
    EXPECT_THAT(ErrorOf(three().String("tokenizer.ggml.bos_token_id", "1")),
                HasSubstr("bos_token_id"));
    EXPECT_THAT(ErrorOf(three().U32("tokenizer.ggml.add_bos_token", 1)), HasSubstr("not a bool"));
    EXPECT_THAT(ErrorOf(three().U32("tokenizer.ggml.model", 1)), HasSubstr("not a string"));
}

// Real files, where a variable names one; each with the expectations that tools/golden wrote of it.
class RealVocabulary : public testing::Test {
  protected:
    void Open(const char* variable, const char* expected) {
        const char* path = std::getenv(variable);
        if (path == nullptr) GTEST_SKIP() << variable << " names no GGUF file";
        auto file = GgufFile::Open(path);
        ASSERT_TRUE(file.ok()) << file.status();
        auto vocabulary = ReadGgufVocabulary((*file)->metadata(), (*file)->token_lists(), path);
        ASSERT_TRUE(vocabulary.ok()) << vocabulary.status();
        auto tokenizer = Tokenizer::FromGguf(*vocabulary);
        ASSERT_TRUE(tokenizer.ok()) << tokenizer.status();
        tokenizer_ = *std::move(tokenizer);
        expected_ = TestData(expected);
        corpus_ = TestData("corpus.json")["lines"];
    }
    static nlohmann::json TestData(std::string_view name) {
        auto text = ReadFile(fmt::format("{}/src/text/testdata/{}", HONE_SOURCE_DIR, name));
        EXPECT_TRUE(text.ok()) << text.status();
        return nlohmann::json::parse(text.value_or("null"));
    }
    std::vector<int32_t> Ids(const nlohmann::json& line, bool special) {
        auto ids = tokenizer_->Encode(line.get<std::string>(), special);
        EXPECT_TRUE(ids.ok()) << ids.status();
        return ids.value_or(std::vector<int32_t>());
    }
    std::shared_ptr<Tokenizer> tokenizer_;
    nlohmann::json expected_, corpus_;
};

TEST_F(RealVocabulary, SmolLm2HasTheIdsOfPython) {
    Open("HONE_TEST_MODEL", "smollm2.expected.json");
    if (tokenizer_ == nullptr) return;
    EXPECT_EQ(tokenizer_->vocabulary_size(), 49152);
    for (size_t i = 0; i < corpus_.size(); ++i)
        EXPECT_EQ(testkit::IdDigest(Ids(corpus_[i], false)), expected_["all"][i]) << corpus_[i];
}

TEST_F(RealVocabulary, Gemma3HasTheIdsOfPython) {
    Open("HONE_TEST_GEMMA", "gemma3.expected.json");
    if (tokenizer_ == nullptr) return;
    EXPECT_EQ(tokenizer_->vocabulary_size(), 262144);
    const nlohmann::json lines = TestData("families.json")["lines"];
    std::vector<int32_t> all;
    for (size_t i = 0; i < lines.size(); ++i)
        EXPECT_EQ(testkit::IdDigest(Ids(lines[i], true)), expected_["lines"][i]) << lines[i];
    for (const auto& line : corpus_) {
        const std::vector<int32_t> ids = Ids(line, true);
        all.insert(all.end(), ids.begin(), ids.end());
    }
    EXPECT_EQ(testkit::IdDigest(all), expected_["corpus"]);
}

}  // namespace
}  // namespace hone
