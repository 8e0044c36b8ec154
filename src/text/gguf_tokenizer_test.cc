#include "text/gguf_tokenizer.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/limits.h"

namespace hone {
namespace {

GgufVocabulary ByteLevel() {
    GgufVocabulary vocabulary;
    vocabulary.model = "gpt2";
    vocabulary.pre = "gpt-2";
    vocabulary.tokens = {"<e>", "<b>", "a", "b", "1", "2", "ab", "12", "<tool>"};
    vocabulary.token_types = {3, 3, 1, 1, 1, 1, 1, 1, 4};
    vocabulary.merges = {"a b", "1 2"};
    vocabulary.eos_id = 0;
    vocabulary.bos_id = 1;
    return vocabulary;
}

GgufVocabulary SentencePiece() {
    GgufVocabulary vocabulary;
    vocabulary.model = "llama";
    vocabulary.tokens = {"<unk>", "<s>", "</s>",    "<0x63>", "\u2581", "a",
                         "b",     "ab",  "\u2581a", "ba",     "s"};
    vocabulary.scores = {0, 0, 0, 0, -9, -7, -8, -2, -1, -3, -10};
    vocabulary.token_types = {2, 3, 3, 6, 1, 1, 1, 1, 1, 1, 1};
    vocabulary.bos_id = 1;
    vocabulary.eos_id = 2;
    return vocabulary;
}

std::vector<int32_t> Ids(const GgufVocabulary& vocabulary, std::string_view text) {
    auto tokenizer = Tokenizer::FromGguf(vocabulary);
    EXPECT_TRUE(tokenizer.ok()) << tokenizer.status();
    if (!tokenizer.ok()) return {};
    auto ids = (*tokenizer)->Encode(text, true);
    EXPECT_TRUE(ids.ok()) << ids.status();
    return *ids;
}

using Expected = std::vector<int32_t>;

TEST(GgufTokenizerTest, ThePreTokenizerDecidesHowDigitsAreCut) {
    GgufVocabulary vocabulary = ByteLevel();
    vocabulary.pre = "gpt-2";
    EXPECT_EQ(Ids(vocabulary, "ab12"), (Expected{6, 7}));
    vocabulary.architecture = "gpt2";
    for (const char* pre : {"", "default"}) {
        vocabulary.pre = pre;
        EXPECT_EQ(Ids(vocabulary, "ab12"), (Expected{6, 7})) << "files of GPT-2 need not say it";
    }
    for (const char* pre : {"smollm", "qwen2", "tekken"}) {
        vocabulary.pre = pre;
        EXPECT_EQ(Ids(vocabulary, "ab12"), (Expected{6, 4, 5})) << pre;
    }
    vocabulary.pre = "llama-bpe";
    EXPECT_EQ(Ids(vocabulary, "ab12"), (Expected{1, 6, 7}))
        << "Llama 3 adds BOS where the file does not say";
    vocabulary.merges = {"1 2"};
    EXPECT_EQ(Ids(vocabulary, "ab12"), (Expected{1, 6, 7}))
        << "a piece that is a token needs no merges";
    vocabulary.pre = "gpt-2";
    EXPECT_EQ(Ids(vocabulary, "ab12"), (Expected{2, 3, 7}));
}

TEST(GgufTokenizerTest, BosAndEosAsTheFileSays) {
    GgufVocabulary vocabulary = ByteLevel();
    EXPECT_EQ(Ids(vocabulary, "a"), (Expected{2}));
    vocabulary.add_eos = true;
    EXPECT_EQ(Ids(vocabulary, "a"), (Expected{2, 0}));
    vocabulary.add_bos = true;
    EXPECT_EQ(Ids(vocabulary, "a"), (Expected{1, 2, 0}));
    EXPECT_EQ(Ids(vocabulary, ""), (Expected{1, 0}));
    vocabulary.bos_id.reset();
    EXPECT_EQ(Ids(vocabulary, "a"), (Expected{2, 0}));
}

TEST(GgufTokenizerTest, ControlTokensAreSpecialAndUserDefinedOnesAreNot) {
    auto tokenizer = Tokenizer::FromGguf(ByteLevel());
    ASSERT_TRUE(tokenizer.ok()) << tokenizer.status();
    const auto ids = (*tokenizer)->Encode("a<tool>b<e>", false);
    ASSERT_TRUE(ids.ok());
    EXPECT_EQ(*ids, (Expected{2, 8, 3, 0}));
    EXPECT_EQ(*(*tokenizer)->Decode(*ids, true), "a<tool>b");
    EXPECT_EQ(*(*tokenizer)->Decode(*ids, false), "a<tool>b<e>");
}

TEST(GgufTokenizerTest, ScoresDecideWhichPiecesJoin) {
    GgufVocabulary vocabulary = SentencePiece();
    EXPECT_EQ(Ids(vocabulary, "ab"), (Expected{1, 8, 6})) << "the best score joins first";
    vocabulary.scores[7] = -0.5f;
    EXPECT_EQ(Ids(vocabulary, "ab"), (Expected{1, 4, 7}));
    EXPECT_EQ(Ids(vocabulary, "ab ab"), (Expected{1, 4, 7, 4, 7}));
    vocabulary.add_space_prefix = false;
    EXPECT_EQ(Ids(vocabulary, "ab ab"), (Expected{1, 7, 4, 7}));
    vocabulary.add_bos = false;
    EXPECT_EQ(Ids(vocabulary, "ab"), (Expected{7}));
}

TEST(GgufTokenizerTest, UnknownCharactersBecomeBytesOrTheUnknownToken) {
    EXPECT_EQ(Ids(SentencePiece(), "cz"), (Expected{1, 4, 3, 0}));
    EXPECT_EQ(Ids(SentencePiece(), "</s>a"), (Expected{1, 2, 8}))
        << "text that spells a special token is the token";
}

TEST(GgufTokenizerTest, RunsOfSpacesAreTokensOfTheirOwn) {
    GgufVocabulary vocabulary = SentencePiece();
    vocabulary.add_space_prefix = false;
    vocabulary.add_bos = false;
    vocabulary.tokens.push_back("  ");
    vocabulary.scores.push_back(-1000);
    vocabulary.token_types.push_back(4);
    EXPECT_EQ(Ids(vocabulary, "a   b"), (Expected{5, 11, 4, 6})) << "the longest run first";
    EXPECT_EQ(Ids(vocabulary, "\u2581 a"), (Expected{11, 5})) << "the sign itself is a space too";
    auto tokenizer = Tokenizer::FromGguf(vocabulary);
    EXPECT_EQ(*(*tokenizer)->Decode({5, 11, 4, 6}, true), "a   b");
}

TEST(GgufTokenizerTest, Phi3sSpecialTokensTakeTheSpaceBehindThem) {
    GgufVocabulary vocabulary = SentencePiece();
    vocabulary.add_bos = false;
    vocabulary.tokens.push_back("<|end|>");
    vocabulary.scores.push_back(0);
    vocabulary.token_types.push_back(3);
    EXPECT_EQ(Ids(vocabulary, "<|end|>\n b"), (Expected{11, 4, 0, 4, 6}));
    vocabulary.architecture = "phi3";
    EXPECT_EQ(Ids(vocabulary, "<|end|>\n b"), (Expected{11, 4, 6}));
    EXPECT_EQ(Ids(vocabulary, "<s> b"), (Expected{1, 4, 4, 6}));
    auto tokenizer = Tokenizer::FromGguf(vocabulary);
    EXPECT_EQ((*tokenizer)->Encode("<|end|>\n b", false)->size(), 3u);
}

TEST(GgufTokenizerTest, WhatDoesNotFitTogetherIsAModelError) {
    const auto refused = [](const char* what, GgufVocabulary vocabulary, const auto& change) {
        change(vocabulary);
        const auto tokenizer = Tokenizer::FromGguf(vocabulary);
        ASSERT_FALSE(tokenizer.ok()) << what;
        EXPECT_EQ(KindOf(tokenizer.status()), ErrorKind::kModel);
        EXPECT_NE(tokenizer.status().message().find(what), std::string::npos) << tokenizer.status();
    };
    using V = GgufVocabulary;
    refused("tokenizer.ggml.model is 'bert'", ByteLevel(), [](V& v) { v.model = "bert"; });
    refused("tokenizer.ggml.pre is 'other'", ByteLevel(), [](V& v) { v.pre = "other"; });
    for (const char* pre : {"", "default"})
        refused("does not say how its tokenizer cuts a text", ByteLevel(),
                [pre](V& v) { v.pre = pre; });
    refused("tokens is empty", ByteLevel(), [](V& v) { v.tokens.clear(); });
    refused("tokens 2 and 3 are the same", ByteLevel(), [](V& v) { v.tokens[3] = "a"; });
    refused("not UTF-8", ByteLevel(), [](V& v) { v.tokens[3] = "\xff"; });
    refused("token_type has 8 values", ByteLevel(), [](V& v) { v.token_types.pop_back(); });
    refused("bos_token_id is 9", ByteLevel(), [](V& v) { v.bos_id = 9; });
    refused("eos_token_id is -1", ByteLevel(), [](V& v) { v.eos_id = -1; });
    refused("unknown_token_id is 100", ByteLevel(), [](V& v) { v.unk_id = 100; });
    refused("padding_token_id is 100", ByteLevel(), [](V& v) { v.pad_id = 100; });
    refused("tokenizer", ByteLevel(), [](V& v) { v.merges.push_back("a z"); });
    refused("tokenizer", ByteLevel(), [](V& v) { v.merges.push_back("noblank"); });
    refused("scores has 10 values", SentencePiece(), [](V& v) { v.scores.pop_back(); });
    refused("score of token 3 is not a number", SentencePiece(),
            [](V& v) { v.scores[3] = std::nanf(""); });
    refused("token 3 has 1025 bytes", ByteLevel(),
            [](V& v) { v.tokens[3] = std::string(kMaxNameBytes + 1, 'x'); });
    refused("at most 4194304", ByteLevel(), [](V& v) { v.tokens.resize(kMaxVocabulary + 1); });
}

TEST(GgufTokenizerTest, ATokenAtTheLimitIsFine) {
    GgufVocabulary vocabulary = ByteLevel();
    vocabulary.tokens[5] = std::string(kMaxNameBytes, 'x');
    vocabulary.merges = {"a b"};
    EXPECT_TRUE(Tokenizer::FromGguf(vocabulary).ok());
}

}  // namespace
}  // namespace hone
