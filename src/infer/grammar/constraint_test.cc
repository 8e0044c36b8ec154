#include "infer/grammar/constraint.h"

#include <gtest/gtest.h>

#include "base/files/testing.h"
#include "chat/chat_files.h"
#include "infer/generator.h"
#include "infer/grammar/json_schema.h"

namespace hone {
namespace {

using Json = nlohmann::ordered_json;

// A tiny Llama with random weights, whose vocabulary has every byte.
class ConstraintTest : public testing::Test {
  protected:
    void SetUp() override {
        files_ = OpenModel(HONE_SOURCE_DIR "/tests/golden/models/tied").value();
        chat_ = OpenChat(*files_).value();
        model_ = Model::Load(*files_, {.compute = ComputeType::kF32}, context_).value();
        bytes_ = std::make_unique<TokenBytes>(*chat_->tokenizer, model_->config().vocab_size);
        trie_ = std::make_unique<TokenTrie>(*bytes_, chat_->eos_ids);
    }
    std::shared_ptr<Grammar> MakeGrammar(const std::string& schema) {
        return std::make_shared<Grammar>(CompileJsonSchema(Json::parse(schema)).value(), *trie_);
    }

    Context context_{2};
    std::unique_ptr<ModelFiles> files_;
    std::unique_ptr<ChatFiles> chat_;
    std::unique_ptr<Model> model_;
    std::unique_ptr<TokenBytes> bytes_;
    std::unique_ptr<TokenTrie> trie_;
};

constexpr char kSchema[] = R"({"type":"object","properties":{
    "name":{"type":"string"},"tags":{"type":"array","items":{"enum":["a","bc","é"]},"maxItems":3},
    "inner":{"anyOf":[{"$ref":"#"},{"type":"null"}]}},"required":["name","tags","inner"]})";

TEST_F(ConstraintTest, TokensStandForTheBytesThatDecodingMakesOfThem) {
    std::vector<int32_t> ids;
    std::string joined;
    for (int32_t id = 0; id < chat_->tokenizer->vocabulary_size(); ++id) {
        if (chat_->tokenizer->IsSpecial(id)) {
            EXPECT_EQ(bytes_->text(id), "");
            EXPECT_EQ(bytes_->name(id), chat_->tokenizer->IdToToken(id));
            continue;
        }
        EXPECT_NE(bytes_->text(id), "") << id;
        // Alone only where its bytes are whole characters.
        const std::string text(bytes_->text(id));
        const std::string decoded = chat_->tokenizer->Decode({id}, true).value();
        if (decoded.find("\ufffd") == std::string::npos) {
            EXPECT_EQ(text, decoded) << id;
        }
    }
    for (const char* text : {"Hello, world!\n\t é 😀", "{\"a\": [1, 2]}"}) {
        std::string bytes;
        const std::vector<int32_t> encoded = chat_->tokenizer->Encode(text, false).value();
        for (int32_t id : encoded) bytes += bytes_->text(id);
        EXPECT_EQ(bytes, text);
    }
}

// The masks of every place that random answers come to, token by token.
TEST_F(ConstraintTest, MasksAllowWhatTheGrammarDoes) {
    const auto automaton = CompileJsonSchema(Json::parse(kSchema)).value();
    const auto grammar = std::make_shared<Grammar>(automaton, *trie_);
    GrammarStates states(*automaton);
    for (uint64_t seed : TestSeeds(4)) {
        TestRandom random(seed);
        const auto constraint = grammar->NewConstraint();
        int32_t state = states.start();
        for (int step = 0; step < 60 && !constraint->complete(); ++step) {
            const auto span = constraint->Allowed();
            const std::vector<uint64_t> allowed(span.begin(), span.end());
            std::vector<int32_t> choices;
            for (int32_t id = 0; id < static_cast<int32_t>(bytes_->size()); ++id) {
                const bool bit = (allowed[id / 64] >> (id % 64) & 1) != 0;
                int32_t to = bytes_->text(id).empty() ? GrammarStates::kDead : state;
                for (char byte : bytes_->text(id))
                    if (to != GrammarStates::kDead)
                        to = states.Next(to, static_cast<uint8_t>(byte));
                const bool ends = std::find(chat_->eos_ids.begin(), chat_->eos_ids.end(), id) !=
                                  chat_->eos_ids.end();
                ASSERT_EQ(bit, ends ? states.MayEnd(state) : to != GrammarStates::kDead) << id;
                if (bit && !ends) choices.push_back(id);
            }
            ASSERT_FALSE(choices.empty());
            const int32_t id = choices[static_cast<size_t>(
                random.Between(0, static_cast<int64_t>(choices.size()) - 1))];
            for (char byte : bytes_->text(id))
                state = states.Next(state, static_cast<uint8_t>(byte));
            constraint->Accept(id);
            EXPECT_EQ(constraint->complete(), !states.MayGoOn(state));
        }
    }
}

// However the model would like to go on: what it says is the beginning of a text of the grammar,
// and where it ended by itself a whole one.
TEST_F(ConstraintTest, AnswersKeepToTheGrammar) {
    Generator generator(*model_, chat_->tokenizer, chat_->eos_ids, context_);
    int whole = 0;
    for (const char* schema :
         {kSchema,
          R"({"type":"object","properties":{"n":{"type":"integer"},"ok":{"type":"boolean"}},
            "required":["n","ok"]})",
          R"({"enum":["yes","no",12]})",
          R"({"type":"array","items":{"type":"null"},"maxItems":2})"}) {
        const auto grammar = MakeGrammar(schema);
        std::vector<GenerateRequest> requests(6);
        for (size_t i = 0; i < requests.size(); ++i) {
            requests[i].prompt = {5, 6, static_cast<int32_t>(7 + i)};
            requests[i].options.max_new_tokens = 60;
            requests[i].options.sampling.seed = i;
            requests[i].constraint = grammar->NewConstraint();
        }
        const std::vector<GenerateResult> results = generator.Generate(requests, 6).value();
        for (const GenerateResult& result : results) {
            if (result.finish != FinishReason::kStop) continue;
            ++whole;
            EXPECT_TRUE(Json::accept(result.text)) << result.text;
        }
    }
    EXPECT_GE(whole, 12);
}

// Free JSON nests in ever new ways: the table of places is replaced when it is full, and answers do
// not notice.
TEST_F(ConstraintTest, AnAnswerOutlivesItsTable) {
    const auto grammar = std::make_shared<Grammar>(JsonObjectGrammar(), *trie_);
    const auto constraint = grammar->NewConstraint();
    TestRandom random(1);
    const auto accept = [&](std::string_view text) {
        for (char byte : text) {
            for (int32_t id = 0;; ++id) {
                ASSERT_LT(id, static_cast<int32_t>(bytes_->size()));
                if (bytes_->text(id) != std::string_view(&byte, 1)) continue;
                ASSERT_TRUE(constraint->Allowed()[id / 64] >> (id % 64) & 1) << byte;
                constraint->Accept(id);
                break;
            }
        }
    };
    std::string open = "{\"a\":", close = "}";
    accept(open);
    for (int i = 0; i < 400; ++i) {
        std::string text, end;
        for (int depth = 0; depth < 12; ++depth) {
            const bool array = random.Between(0, 1) == 0;
            text += array ? "[" : "{\"k\":";
            end = (array ? "]" : "}") + end;
        }
        accept((i == 0 ? "[" : ",") + text + "1" + end);
        if (HasFatalFailure()) return;
    }
    accept("]");
    EXPECT_FALSE(constraint->complete());
    accept(close);
    EXPECT_TRUE(constraint->complete());
}

}  // namespace
}  // namespace hone
