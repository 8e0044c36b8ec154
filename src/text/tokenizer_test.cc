#include "text/tokenizer.h"

#include <gtest/gtest.h>

#include <thread>

#include "base/files/file.h"
#include "base/files/testing.h"
#include "base/limits.h"
#include "nlohmann/json.hpp"
#include "text/testing.h"

namespace hone {
namespace {

using nlohmann::json;

std::string TestFile(const std::string& name) {
    auto text = ReadFile(std::string(HONE_SOURCE_DIR) + "/src/text/testdata/" + name);
    EXPECT_TRUE(text.ok()) << text.status();
    return text.ok() ? *text : std::string();
}

json TestJson(const std::string& name) { return json::parse(TestFile(name)); }

GgufVocabulary VocabularyOf(const json& file) {
    GgufVocabulary vocabulary;
    vocabulary.model = file.at("model");
    vocabulary.pre = file.at("pre");
    vocabulary.tokens = file.at("tokens").get<std::vector<std::string>>();
    vocabulary.token_types = file.at("token_types").get<std::vector<int32_t>>();
    vocabulary.architecture = file.value("architecture", "");
    if (file.contains("scores")) vocabulary.scores = file.at("scores").get<std::vector<float>>();
    if (file.contains("merges"))
        vocabulary.merges = file.at("merges").get<std::vector<std::string>>();
    for (auto [field, id] :
         {std::pair("bos_id", &vocabulary.bos_id), std::pair("eos_id", &vocabulary.eos_id),
          std::pair("unk_id", &vocabulary.unk_id), std::pair("pad_id", &vocabulary.pad_id)})
        if (file.contains(field)) *id = file.at(field).get<int32_t>();
    for (auto [field, flag] :
         {std::pair("add_bos", &vocabulary.add_bos), std::pair("add_eos", &vocabulary.add_eos),
          std::pair("add_space_prefix", &vocabulary.add_space_prefix)})
        if (file.contains(field)) *flag = file.at(field).get<bool>();
    return vocabulary;
}

std::vector<int32_t> Ids(const Tokenizer& tokenizer, std::string_view text, bool special = true) {
    auto ids = tokenizer.Encode(text, special);
    EXPECT_TRUE(ids.ok()) << ids.status();
    return ids.ok() ? *ids : std::vector<int32_t>();
}

std::string Text(const Tokenizer& tokenizer, const std::vector<int32_t>& ids, bool skip_special) {
    auto text = tokenizer.Decode(ids, skip_special);
    EXPECT_TRUE(text.ok()) << text.status();
    return text.ok() ? *text : std::string();
}

// Each tokenizer comes from its tokenizer.json, from its GGUF metadata, and from what the latter
// writes.
struct Source {
    const char* file;
    const char* from;
};

class GoldenTokenizer : public testing::TestWithParam<Source> {
  protected:
    void SetUp() override {
        const std::string file = GetParam().file;
        const std::string from = GetParam().from;
        auto made = from == "json"
                        ? Tokenizer::FromJson(TestFile(file + ".tokenizer.json"))
                        : Tokenizer::FromGguf(VocabularyOf(TestJson(file + ".gguf.json")));
        if (from == "written" && made.ok()) made = Tokenizer::FromJson((*made)->ToJson());
        ASSERT_TRUE(made.ok()) << made.status();
        tokenizer_ = *made;
        expected_ = TestJson(file + ".expected.json");
        const json corpus = TestJson("corpus.json");
        lines_ = corpus.at("lines").get<std::vector<std::string>>();
        curated_.assign(lines_.begin(), lines_.begin() + corpus.at("curated").get<int>());
    }

    std::shared_ptr<Tokenizer> tokenizer_;
    json expected_;
    std::vector<std::string> lines_, curated_;
};

TEST_P(GoldenTokenizer, CuratedLinesHaveTheIdsOfPython) {
    for (size_t i = 0; i < curated_.size(); ++i) {
        EXPECT_EQ(Ids(*tokenizer_, curated_[i]),
                  expected_["curated"][i].get<std::vector<int32_t>>())
            << "line " << i << ": " << curated_[i];
    }
}

TEST_P(GoldenTokenizer, EveryScriptHasTheIdsOfPython) {
    std::vector<int32_t> plain;
    for (size_t i = 0; i < lines_.size(); ++i) {
        EXPECT_EQ(testkit::IdDigest(Ids(*tokenizer_, lines_[i])),
                  expected_["all"][i].get<std::string>())
            << "line " << i << ": " << lines_[i];
        const auto ids = Ids(*tokenizer_, lines_[i], false);
        plain.insert(plain.end(), ids.begin(), ids.end());
    }
    EXPECT_EQ(testkit::IdDigest(plain), expected_["plain"].get<std::string>());
}

TEST_P(GoldenTokenizer, DecodesAsPython) {
    for (size_t i = 0; i < curated_.size(); ++i) {
        const auto ids = Ids(*tokenizer_, curated_[i]);
        EXPECT_EQ(Text(*tokenizer_, ids, false), expected_["decoded"][i].get<std::string>())
            << "line " << i;
        EXPECT_EQ(Text(*tokenizer_, ids, true),
                  expected_["decoded_without_special"][i].get<std::string>())
            << "line " << i;
    }
}

TEST_P(GoldenTokenizer, LongTextsHaveTheIdsOfPython) {
    for (const json& repeated : expected_["repeated"]) {
        std::string text;
        for (int i = 0; i < repeated["count"]; ++i) text += repeated["text"];
        EXPECT_EQ(testkit::IdDigest(Ids(*tokenizer_, text)), repeated["ids"].get<std::string>())
            << repeated["text"];
    }
}

TEST_P(GoldenTokenizer, StreamsWhatItDecodes) {
    for (const bool skip : {false, true}) {
        for (const std::string& line : lines_) {
            const auto ids = Ids(*tokenizer_, line);
            StreamDecoder stream(tokenizer_, skip);
            std::string streamed;
            for (int32_t id : ids) {
                auto piece = stream.Push(id);
                ASSERT_TRUE(piece.ok()) << piece.status();
                EXPECT_NO_THROW((void)json(*piece).dump()) << "not UTF-8";
                streamed += *piece;
            }
            auto rest = stream.Finish();
            ASSERT_TRUE(rest.ok());
            EXPECT_EQ(streamed + *rest, Text(*tokenizer_, ids, skip)) << line;
        }
    }
}

TEST_P(GoldenTokenizer, StreamsAnyIds) {
    TestRandom random(12345);
    for (int round = 0; round < 200; ++round) {
        std::vector<int32_t> ids;
        StreamDecoder stream(tokenizer_, round % 2 == 0);
        std::string streamed;
        for (int i = 0; i < 40; ++i) {
            // Half of the ids are among the first 300: special tokens and single bytes.
            const uint32_t range =
                random.Next() % 2 == 0 ? 300 : static_cast<uint32_t>(tokenizer_->vocabulary_size());
            ids.push_back(static_cast<int32_t>(random.Next() % range));
            auto piece = stream.Push(ids.back());
            ASSERT_TRUE(piece.ok()) << piece.status();
            streamed += *piece;
        }
        auto rest = stream.Finish();
        ASSERT_TRUE(rest.ok());
        ASSERT_EQ(streamed + *rest, Text(*tokenizer_, ids, round % 2 == 0)) << json(ids).dump();
    }
}

TEST_P(GoldenTokenizer, OffsetsCoverTheText) {
    for (const std::string& line : curated_) {
        auto encoding = tokenizer_->EncodeWithOffsets(line, false);
        ASSERT_TRUE(encoding.ok()) << encoding.status();
        EXPECT_EQ(encoding->ids, Ids(*tokenizer_, line, false));
        ASSERT_EQ(encoding->offsets.size(), encoding->ids.size());
        size_t covered = 0;
        for (const auto& [begin, end] : encoding->offsets) {
            ASSERT_LE(begin, end);
            ASSERT_LE(end, line.size());
            ASSERT_LE(begin, covered) << "a gap in: " << line;
            covered = std::max(covered, end);
        }
        EXPECT_EQ(covered, line.size()) << line;
    }
}

TEST_P(GoldenTokenizer, VocabularyRoundTrips) {
    for (int32_t id = 0; id < tokenizer_->vocabulary_size(); ++id) {
        const auto token = tokenizer_->IdToToken(id);
        ASSERT_TRUE(token.has_value()) << id;
        EXPECT_EQ(tokenizer_->TokenToId(*token), id) << *token;
    }
    EXPECT_FALSE(tokenizer_->IdToToken(tokenizer_->vocabulary_size()).has_value());
    EXPECT_FALSE(tokenizer_->IdToToken(-1).has_value());
    EXPECT_FALSE(tokenizer_->TokenToId("no such token").has_value());
    EXPECT_FALSE(tokenizer_->TokenToId("\xff").has_value());
    EXPECT_TRUE(tokenizer_->IsSpecial(1));
    EXPECT_FALSE(tokenizer_->IsSpecial(700));
    EXPECT_FALSE(tokenizer_->IsSpecial(-1));
    EXPECT_FALSE(tokenizer_->IsSpecial(1 << 30));
}

TEST_P(GoldenTokenizer, IdsOutsideTheVocabularyAreErrors) {
    for (const int32_t id : {-1, tokenizer_->vocabulary_size(), INT32_MAX, INT32_MIN}) {
        const auto text = tokenizer_->Decode({5, id}, false);
        ASSERT_FALSE(text.ok()) << id;
        EXPECT_NE(text.status().message().find(std::to_string(id)), std::string::npos)
            << text.status();
        StreamDecoder stream(tokenizer_);
        EXPECT_FALSE(stream.Push(id).ok());
        EXPECT_TRUE(stream.Push(700).ok()) << "an error must not spoil what follows";
    }
}

TEST_P(GoldenTokenizer, TextThatIsNotUtf8IsAnError) {
    for (const std::string_view text :
         {"ab\xff", "\xc3", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xc0\x80"}) {
        const auto ids = tokenizer_->Encode(text, true);
        ASSERT_FALSE(ids.ok());
        EXPECT_EQ(KindOf(ids.status()), ErrorKind::kData);
        EXPECT_NE(ids.status().message().find("not UTF-8"), std::string::npos) << ids.status();
    }
}

TEST_P(GoldenTokenizer, ManyThreadsGetTheSameIds) {
    std::vector<std::thread> threads;
    std::vector<int> wrong(4, 0);
    for (size_t t = 0; t < wrong.size(); ++t) {
        threads.emplace_back([&, t] {
            for (size_t i = t; i < lines_.size(); i += 2)
                wrong[t] += testkit::IdDigest(Ids(*tokenizer_, lines_[i])) !=
                            expected_["all"][i].get<std::string>();
        });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(wrong, std::vector<int>(4, 0));
}

INSTANTIATE_TEST_SUITE_P(
    Sources, GoldenTokenizer,
    testing::Values(Source{"byte_level", "json"}, Source{"byte_level", "gguf"},
                    Source{"byte_level", "written"}, Source{"sentence_piece", "json"},
                    Source{"sentence_piece", "gguf"}, Source{"sentence_piece", "written"}),
    [](const auto& info) { return std::string(info.param.file) + "_" + info.param.from; });

TEST(TokenizerTest, TenMegabytesWithoutABreak) {
    auto tokenizer = Tokenizer::FromJson(TestFile("byte_level.tokenizer.json"));
    ASSERT_TRUE(tokenizer.ok());
    const std::string text(10 << 20, 'x');
    const auto ids = Ids(**tokenizer, text);
    EXPECT_EQ(Text(**tokenizer, ids, false), text);
}

TEST(TokenizerTest, TruncationAndPaddingOfTheFileAreNotUsed) {
    json file = TestJson("byte_level.tokenizer.json");
    file["truncation"] = {
        {"direction", "Right"}, {"max_length", 2}, {"strategy", "LongestFirst"}, {"stride", 0}};
    file["padding"] = {{"strategy", {{"Fixed", 8}}},
                       {"direction", "Right"},
                       {"pad_to_multiple_of", nullptr},
                       {"pad_id", 0},
                       {"pad_type_id", 0},
                       {"pad_token", "<|endoftext|>"}};
    auto tokenizer = Tokenizer::FromJson(file.dump());
    ASSERT_TRUE(tokenizer.ok()) << tokenizer.status();
    EXPECT_EQ(Ids(**tokenizer, "12345").size(), 5u);
}

TEST(TokenizerTest, BrokenJsonIsAModelError) {
    const std::string good = TestFile("byte_level.tokenizer.json");
    json no_model = json::parse(good);
    no_model.erase("model");
    json bad_merge = json::parse(good);
    bad_merge["model"]["merges"].push_back({"nowhere", "found"});
    json bad_regex = json::parse(good);
    bad_regex["pre_tokenizer"] = {{"type", "Split"},
                                  {"pattern", {{"Regex", "(("}}},
                                  {"behavior", "Isolated"},
                                  {"invert", false}};
    json huge_id = json::parse(good);
    huge_id["model"]["vocab"]["far"] = kMaxVocabulary;
    json shared_id = json::parse(good);
    shared_id["model"]["vocab"]["twin"] = 5;
    const std::vector<std::string> broken = {"",
                                             "{",
                                             "null",
                                             "[]",
                                             "{}",
                                             good.substr(0, good.size() / 2),
                                             std::string(1000, '['),
                                             "\xff",
                                             std::string("{}\0", 3),
                                             no_model.dump(),
                                             bad_merge.dump(),
                                             bad_regex.dump(),
                                             huge_id.dump(),
                                             shared_id.dump()};
    for (const std::string& text : broken) {
        const auto tokenizer = Tokenizer::FromJson(text);
        ASSERT_FALSE(tokenizer.ok()) << text.substr(0, 100);
        EXPECT_EQ(KindOf(tokenizer.status()), ErrorKind::kModel) << tokenizer.status();
        EXPECT_NE(tokenizer.status().message().find("tokenizer.json"), std::string::npos);
    }
    huge_id["model"]["vocab"]["far"] = kMaxVocabulary - 1;
    EXPECT_TRUE(Tokenizer::FromJson(huge_id.dump()).ok());
}

TEST(TokenizerTest, CharacterMapsThatLieAboutTheirSizeAreRefused) {
    json file = json::parse(TestFile("byte_level.tokenizer.json"));
    file["normalizer"] = {
        {"type", "Sequence"},
        {"normalizers", {{{"type", "Precompiled"}, {"precompiled_charsmap", "/////wAAAAA="}}}}};
    const auto tokenizer = Tokenizer::FromJson(file.dump());
    ASSERT_FALSE(tokenizer.ok());
    EXPECT_NE(tokenizer.status().message().find("cut off"), std::string::npos)
        << tokenizer.status();
    // A trie of one unit, and one replacement.
    file["normalizer"]["normalizers"][0]["precompiled_charsmap"] = "BAAAAAAAAABhAA==";
    EXPECT_TRUE(Tokenizer::FromJson(file.dump()).ok());
}

TEST(TokenizerTest, JsonLargerThanTheLimitIsRefusedUnread) {
    std::string text = TestFile("byte_level.tokenizer.json");
    text.resize(kMaxHeaderBytes, ' ');
    EXPECT_TRUE(Tokenizer::FromJson(text).ok());
    text += ' ';
    EXPECT_FALSE(Tokenizer::FromJson(text).ok());
}

// The tokenizers of several families, as their GGUF files say them: made by
// tools/golden/tokenizer_families.py with transformers and SentencePiece.
TEST(TokenizerTest, FamiliesHaveTheIdsOfPython) {
    const json golden = TestJson("families.json"), corpus = TestJson("corpus.json");
    ASSERT_GE(golden["families"].size(), 8u);
    for (const auto& [name, family] : golden["families"].items()) {
        SCOPED_TRACE(name);
        auto tokenizer = Tokenizer::FromGguf(VocabularyOf(family["gguf"]));
        ASSERT_TRUE(tokenizer.ok()) << tokenizer.status();
        std::vector<int32_t> decoded, all;
        for (size_t i = 0; i < golden["lines"].size(); ++i) {
            const std::string line = golden["lines"][i];
            const auto ids = Ids(**tokenizer, line);
            EXPECT_EQ(testkit::IdDigest(ids), family["lines"][i].get<std::string>()) << line;
            for (char byte : Text(**tokenizer, ids, true))
                decoded.push_back(static_cast<uint8_t>(byte));
        }
        EXPECT_EQ(testkit::IdDigest(decoded), family["decoded"].get<std::string>());
        for (const json& line : corpus["lines"]) {
            const auto ids = Ids(**tokenizer, line.get<std::string>());
            all.insert(all.end(), ids.begin(), ids.end());
        }
        EXPECT_EQ(testkit::IdDigest(all), family["corpus"].get<std::string>());
    }
}

}  // namespace
}  // namespace hone
