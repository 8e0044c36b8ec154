// Prompt and answer are cut out of the tokens of the one text that they are: over random texts and
// every tokenizer and template of src/text/testdata. A failure prints the seed.
#include <gmock/gmock.h>

#include <algorithm>

#include "data/format/test_support.h"
#include "data/format/tokenize.h"

namespace hone {
namespace {

using nlohmann::ordered_json;

struct NamedTokenizer {
    std::string name;
    std::shared_ptr<const Tokenizer> tokenizer;
};

std::string TestData(const std::string& name) {
    auto text = ReadFile(std::string(HONE_SOURCE_DIR) + "/" + name);
    EXPECT_TRUE(text.ok()) << text.status();
    return text.ok() ? *text : "";
}

// As in src/text/testdata/NAME.gguf.json, which a GGUF file would hold.
std::shared_ptr<const Tokenizer> FromGguf(const std::string& name) {
    const auto json = ordered_json::parse(TestData("src/text/testdata/" + name + ".gguf.json"));
    GgufVocabulary vocabulary;
    vocabulary.model = json["model"];
    vocabulary.pre = json.value("pre", "");
    json.at("tokens").get_to(vocabulary.tokens);
    json.at("token_types").get_to(vocabulary.token_types);
    if (json.contains("scores")) json["scores"].get_to(vocabulary.scores);
    if (json.contains("merges")) json["merges"].get_to(vocabulary.merges);
    auto tokenizer = Tokenizer::FromGguf(vocabulary);
    EXPECT_TRUE(tokenizer.ok()) << tokenizer.status();
    return *tokenizer;
}

std::vector<NamedTokenizer> Tokenizers() {
    std::vector<NamedTokenizer> all;
    for (const char* name : {"byte_level", "sentence_piece"}) {
        all.push_back({name, TestTokenizer(name)});
        all.push_back({std::string(name) + " of a GGUF file", FromGguf(name)});
    }
    for (const char* scheme : {"first", "always"}) {
        auto json = ordered_json::parse(TestTokenizer("sentence_piece")->ToJson());
        json["normalizer"] = nullptr;
        json["pre_tokenizer"] = {{"type", "Metaspace"},
                                 {"replacement", "\u2581"},
                                 {"prepend_scheme", scheme},
                                 {"split", false}};
        all.push_back({std::string("metaspace ") + scheme, *Tokenizer::FromJson(json.dump())});
    }
    for (const char* name : {"bias", "llama3", "odd", "tied"})
        all.push_back({name, *Tokenizer::FromJson(TestData(
                                 std::string("tests/golden/models/") + name + "/tokenizer.json"))});
    return all;
}

class RandomText {
  public:
    explicit RandomText(uint64_t seed) : random_(seed) {}
    int Below(size_t limit) { return static_cast<int>(random_.Next() % limit); }
    // Parts that tokenizers join, cut and mark.
    std::vector<std::string> Parts(size_t most) {
        static const std::vector<std::string> kParts = {
            " ", "  ", "\n", "\n\n", "\t", "the", " the", "re", "an", "swer", "1", "23", "4", ".",
            ":", ": ", " (", "\"", "é", "ü", "\u2581", "漢字", "😀", "a", "b", "I", "'s", "ing", "\r\n"};
        std::vector<std::string> parts;
        for (int i = Below(most) + 1; i > 0; --i) parts.push_back(kParts[Below(kParts.size())]);
        return parts;
    }
    std::string Text(size_t most) {
        std::string text;
        for (const std::string& part : Parts(most)) text += part;
        return text;
    }

  private:
    TestRandom random_;
};

TEST(TokenizeProperty, ACompletionIsCutOutOfTheWhole) {
    for (const NamedTokenizer& named : Tokenizers()) {
        const int32_t eos = named.tokenizer->TokenToId("</s>").value_or(2);
        auto encoder = ConversationEncoder::Create(named.tokenizer, nullptr, {eos});
        ASSERT_TRUE(encoder.ok()) << encoder.status();
        for (const uint64_t seed : TestSeeds(300)) {
            SCOPED_TRACE(named.name);
            RandomText random(seed);
            const std::string prompt = random.Text(6), completion = random.Text(6);
            const std::string text = prompt + completion;
            auto row = (*encoder)->EncodeCompletion(prompt, completion,
                                                    {.add_special_tokens = false});
            ASSERT_TRUE(row.ok()) << row.status();
            auto whole = named.tokenizer->EncodeWithOffsets(text, false);
            ASSERT_TRUE(whole.ok());
            ASSERT_EQ(row->example.tokens, whole->ids);
            // What comes before lies in the prompt; what is trained reaches past it.
            size_t first = 0;
            const auto& weights = row->example.weights;
            while (first < weights.size() && weights[first] == 0) ++first;
            ASSERT_LT(first, weights.size());
            EXPECT_TRUE(std::all_of(weights.begin() + first, weights.end(),
                                    [](float weight) { return weight == 1; }));
            for (size_t i = 0; i < whole->ids.size(); ++i)
                EXPECT_EQ(whole->offsets[i].second > prompt.size(), i >= first) << i;
            // The answer, after what its first token holds of the prompt.
            std::string meant = text.substr(std::min(whole->offsets[first].first, prompt.size()));
            std::string said = WholeText(**encoder, {whole->ids.begin() + first, whole->ids.end()});
            // SentencePiece's decoders drop a first space and write others for its mark.
            const auto plain = [](std::string shown) {
                for (size_t at; (at = shown.find("\u2581")) != std::string::npos;)
                    shown.replace(at, 3, " ");
                shown.erase(0, shown.find_first_not_of(' '));
                return shown;
            };
            EXPECT_EQ(plain(said), plain(meant));
        }
    }
}

TEST(TokenizeProperty, AnswersAreCutOutOfTheWhole) {
    for (const char* file : {"gemma.jinja", "llama3.jinja", "phi.jinja", "qwen2_5.jinja",
                             "qwen3.jinja", "smollm2.jinja"}) {
        auto chat_template =
            ChatTemplate::Parse(TestData(std::string("src/text/testdata/templates/") + file),
                                {{"bos_token", "<s>"}, {"eos_token", "</s>"}});
        ASSERT_TRUE(chat_template.ok()) << chat_template.status();
        for (const NamedTokenizer& named : Tokenizers()) {
            const int32_t eos = named.tokenizer->TokenToId("</s>").value_or(2);
            auto encoder = ConversationEncoder::Create(named.tokenizer, *chat_template, {eos});
            ASSERT_TRUE(encoder.ok()) << encoder.status();
            for (const uint64_t seed : TestSeeds(20)) {
                SCOPED_TRACE(fmt::format("{}, {}", file, named.name));
                RandomText random(seed);
                ordered_json messages = ordered_json::array();
                std::vector<std::string> answers;
                for (int turns = random.Below(3) + 1; turns > 0; --turns) {
                    messages.push_back(
                        {{"role", "user"}, {"content", "ZQ" + random.Text(5) + "QZ"}});
                    answers.push_back(random.Text(5) + "x" + random.Text(3));
                    messages.push_back({{"role", "assistant"}, {"content", answers.back()}});
                }
                auto conversation = ParseMessages(messages);
                ASSERT_TRUE(conversation.ok());
                auto row = (*encoder)->EncodeConversation(*conversation, {});
                ASSERT_TRUE(row.ok()) << row.status();
                EXPECT_THAT(row->left_out, testing::IsEmpty());
                const std::string text = *(*encoder)->RenderConversation(*conversation, false);
                std::vector<int32_t> whole = *named.tokenizer->Encode(text, false);
                // Where the template ends with plain text, an end is added.
                if (row->example.tokens.size() == whole.size() + 1) whole.push_back(eos);
                ASSERT_EQ(row->example.tokens, whole);
                EXPECT_EQ(row->answers, static_cast<int64_t>(answers.size()));
                const auto squeezed = [](std::string_view shown) {
                    std::string kept;
                    for (char c : shown)
                        if (std::isspace(static_cast<unsigned char>(c)) == 0) kept += c;
                    for (size_t at; (at = kept.find("\u2581")) != std::string::npos;)
                        kept.erase(at, 3);
                    return kept;
                };
                const std::string trained = squeezed(TrainedText(**encoder, row->example));
                EXPECT_EQ(trained.find("ZQ"), std::string::npos) << trained;
                size_t at = 0;
                for (const std::string& answer : answers) {
                    at = trained.find(squeezed(answer), at);
                    ASSERT_NE(at, std::string::npos) << trained << "\nlacks " << answer;
                    at += squeezed(answer).size();
                }
            }
        }
    }
}

}  // namespace
}  // namespace hone
