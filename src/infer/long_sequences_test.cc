// Answers that are longer than the windows of a model's layers, or than its original context: what
// comes out is what caches that keep everything give, and passes over the whole sequence.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>

#include "base/files/testing.h"
#include "chat/chat_files.h"
#include "infer/chat_session.h"
#include "infer/engine.h"
#include "model/network/kv_cache.h"

namespace hone {
namespace {

class Ends : public RequestSink {
  public:
    void OnToken(uint64_t, const TokenUpdate&) override {}
    void OnEnd(uint64_t id, absl::StatusOr<GenerateResult> result) override {
        results.emplace(id, std::move(result).value());
    }
    std::map<uint64_t, GenerateResult> results;
};

class LongSequencesTest : public testing::Test {
  protected:
    virtual void Change(ModelConfig& config) = 0;
    void SetUp() override {
        files_ = OpenModel(HONE_SOURCE_DIR "/tests/golden/models/tied").value();
        chat_ = OpenChat(*files_).value();
        files_->config.max_position_embeddings = 8192;
        Change(files_->config);
        model_ = Model::Load(*files_, {.compute = ComputeType::kF32}, context_).value();
    }
    struct Answer {
        std::vector<int32_t> tokens;
        std::vector<float> logprobs;
        bool operator==(const Answer&) const = default;
    };
    static Answer AnswerOf(const GenerateResult& result) {
        Answer answer{.tokens = result.tokens};
        for (const TokenLogprob& token : result.logprobs) answer.logprobs.push_back(token.logprob);
        return answer;
    }
    static std::vector<int32_t> Tokens(int64_t first, int64_t count) {
        std::vector<int32_t> tokens;
        for (int64_t i = 0; i < count; ++i)
            tokens.push_back(static_cast<int32_t>(3 + (first + i * i) % 371));
        return tokens;
    }
    static std::vector<int32_t> Joined(std::vector<int32_t> head, const std::vector<int32_t>& own) {
        head.insert(head.end(), own.begin(), own.end());
        return head;
    }
    static GenerateRequest Request(std::vector<int32_t> prompt, int64_t max_new_tokens) {
        GenerateRequest request;
        request.prompt = std::move(prompt);
        request.options.max_new_tokens = max_new_tokens;
        request.options.sampling.temperature = 0;
        request.options.ignore_eos = true;
        request.options.top_logprobs = 0;
        return request;
    }
    std::unique_ptr<Engine> MakeEngine(const EngineOptions& options) {
        return std::make_unique<Engine>(*model_, chat_->tokenizer, chat_->eos_ids, context_,
                                        options);
    }
    Generator MakeGenerator() {
        return Generator(*model_, chat_->tokenizer, chat_->eos_ids, context_);
    }
    // Asks for `count` answers, now and then one more beside those that are being made, and expects
    // of each what `expected` says. Returns how many tokens were not computed again.
    int64_t AskInCompany(TestRandom& random, const EngineOptions& options, int64_t count,
                         const std::function<GenerateRequest(int64_t left)>& next,
                         const std::function<Answer(const GenerateRequest&)>& expected) {
        const auto engine = MakeEngine(options);
        Ends ends;
        std::map<uint64_t, GenerateRequest> requests;
        for (int64_t left = count; left > 0 || engine->busy();) {
            if (left > 0 && random.Between(0, 2) == 0) {
                const GenerateRequest request = next(--left);
                requests[engine->Submit(request, ends).value()] = request;
            }
            engine->Step();
            EXPECT_LE(engine->cache_bytes(), options.cache_bytes);
        }
        for (const auto& [id, request] : requests)
            EXPECT_EQ(AnswerOf(ends.results.at(id)), expected(request)) << id;
        return engine->stats().reused_tokens;
    }
    // Of that request, after others that the generator answered.
    static GenerateResult One(Generator& generator, const GenerateRequest& request) {
        return generator.Generate({request}, 1).value().at(0);
    }

    Context context_{2};
    std::unique_ptr<ModelFiles> files_;
    std::unique_ptr<ChatFiles> chat_;
    std::unique_ptr<Model> model_;
};

// Layers that see 40 and 100 tokens.
class WindowsTest : public LongSequencesTest {
  protected:
    void Change(ModelConfig& config) override {
        config.layers[0].window = 40;
        config.layers[1].window = 100;
    }
    // The likeliest tokens after the prompt, from a cache that keeps everything.
    Answer Whole(const GenerateRequest& request) {
        const ModelConfig& config = files_->config;
        TypedKvCache<float> cache(
            {.windows = {0, 0}, .KV = config.num_key_value_heads, .D = config.head_dim}, 8192);
        std::vector<float> logits(static_cast<size_t>(config.vocab_size));
        std::vector<int32_t> next = request.prompt;
        Answer answer;
        for (int64_t t = 0; t < request.options.max_new_tokens; ++t) {
            EXPECT_TRUE(model_->Decode(context_, {next}, {&cache}, logits.data()).ok());
            next = {static_cast<int32_t>(std::max_element(logits.begin(), logits.end()) -
                                         logits.begin())};
            answer.tokens.push_back(next[0]);
            answer.logprobs.push_back(LogprobOf(logits, next[0], 0).logprob);
        }
        return answer;
    }
};

// Long and short ones, several that begin alike, cut anywhere, in little memory.
TEST_F(WindowsTest, AnswersAreTheSameInAnyCompany) {
    int64_t reused = 0;
    for (const uint64_t seed : TestSeeds(4)) {
        TestRandom random(seed);
        EngineOptions options;
        options.max_running = random.Between(2, 6);
        options.prefill_tokens = random.Between(16, 900);
        options.prefill_tokens_beside = random.Between(8, 300);
        options.cache_bytes = model_->CacheBytes(8192) * static_cast<size_t>(random.Between(1, 4));
        const int64_t shared = random.Between(300, 1500);
        reused += AskInCompany(
            random, options, 8,
            [&](int64_t left) {
                std::vector<int32_t> head = Tokens(7, left % 2 == 0 ? shared : 0);
                const auto own = Tokens(random.Between(0, 300), random.Between(1, 700));
                return Request(Joined(std::move(head), own), random.Between(1, 150));
            },
            [&](const GenerateRequest& request) { return Whole(request); });
    }
    EXPECT_GT(reused, 0);
}

// Those that run together share what their prompts begin with, however far behind it lies when the
// first of them is read.
TEST_F(WindowsTest, PromptsThatBeginAlikeAreComputedOnce) {
    std::vector<GenerateRequest> requests;
    for (int64_t i = 0; i < 4; ++i) {
        requests.push_back(Request(Joined(Tokens(1, 1000), Tokens(50 + i, 1200 - 300 * i)), 20));
    }
    Generator generator = MakeGenerator();
    GenerateStats stats;
    const auto results = generator.Generate(requests, 4, nullptr, &stats).value();
    EXPECT_EQ(stats.reused_tokens, 3 * 1000);
    for (size_t i = 0; i < requests.size(); ++i)
        EXPECT_EQ(AnswerOf(results[i]), Whole(requests[i])) << i;
}

// From one request to the next a prompt goes on from its end. Where windows have forgotten what it
// would need, everything is computed again.
TEST_F(WindowsTest, FinishedPromptsGoOnFromTheirEndOrNotAtAll) {
    Generator generator = MakeGenerator();
    const std::vector<int32_t> prompt = Tokens(1, 1500);
    const auto longer = [&](size_t head, int64_t more) {
        const std::vector<int32_t> begin(prompt.begin(), prompt.begin() + head);
        return Request(Joined(begin, Tokens(77, more)), 10);
    };
    const auto reused = [&](const GenerateRequest& request) {
        const GenerateResult result = One(generator, request);
        EXPECT_EQ(AnswerOf(result), Whole(request));
        return result.reused_tokens;
    };
    EXPECT_EQ(reused(Request(prompt, 10)), 0);
    EXPECT_EQ(reused(longer(1500, 30)), 1500);
    EXPECT_EQ(reused(longer(600, 30)), 0);  // forgotten
    EXPECT_EQ(reused(longer(600, 30)), 622);
    EXPECT_EQ(reused(Request(prompt, 10)), 1500 - kLastPromptTokens);
    // An answer of many windows: what its prompt ends with is gone with it.
    const GenerateRequest talks = Request(Tokens(9, 1000), 900);
    EXPECT_EQ(reused(talks), 0);
    EXPECT_EQ(reused(talks), 0);
}

// A template of our own: each message is its content's bytes as tokens, after a token for its role.
absl::StatusOr<std::vector<int32_t>> EncodeLongChat(const nlohmann::ordered_json& messages) {
    std::vector<int32_t> tokens;
    for (const auto& message : messages) {
        tokens.push_back(message["role"] == "user" ? 20 : 22);
        int32_t place = 0;
        for (const unsigned char c : message["content"].get<std::string>())
            tokens.push_back(30 + (c + 7 * ++place) % 300);
    }
    tokens.push_back(22);
    return tokens;
}

// A chat of many windows, with messages that are taken back: each answer is that of a fresh pass.
TEST_F(WindowsTest, AChatGoesOnAfterMessagesWereTakenBack) {
    Generator generator = MakeGenerator();
    ChatSession session(generator, EncodeLongChat);
    session.Reset("");
    GenerateOptions options = Request({}, 40).options;
    GenerateStats stats;
    int64_t whole = 0;
    for (int turn = 0; turn < 12; ++turn) {
        const std::string text(static_cast<size_t>(30 + 50 * turn), static_cast<char>('a' + turn));
        nlohmann::ordered_json messages = session.messages();
        messages.push_back({{"role", "user"}, {"content", text}});
        const GenerateRequest fresh = Request(EncodeLongChat(messages).value(), 40);
        const auto answer = session.Say(text, options, nullptr, &stats);
        ASSERT_TRUE(answer.ok()) << answer.status();
        EXPECT_EQ(answer->tokens, Whole(fresh).tokens) << "turn " << turn;
        whole += static_cast<int64_t>(fresh.prompt.size());
        if (turn % 3 == 2) session.TakeBack();
        if (turn % 6 == 5) session.TakeBack();
    }
    EXPECT_LT(stats.prompt_tokens, whole);
}

// As many at a time as the bytes of bounded caches allow.
TEST_F(WindowsTest, LongContextsTakeLittleMemory) {
    EngineOptions options;
    options.cache_bytes = 4 * model_->CacheBytes(1000);
    ASSERT_EQ(model_->CacheBytes(1000), model_->CacheBytes(8192));
    const auto engine = MakeEngine(options);
    Ends ends;
    for (int64_t i = 0; i < 4; ++i)
        ASSERT_TRUE(engine->Submit(Request(Tokens(i, 3000), 8), ends).ok());
    engine->Step();
    EXPECT_EQ(engine->running(), 4);
    EXPECT_EQ(engine->cache_bytes(), options.cache_bytes);
    while (engine->busy()) engine->Step();
    EXPECT_EQ(ends.results.size(), 4u);
}

// Rotary positions that are others where a sequence has more than kOriginal tokens.
class LongRopeTest : public LongSequencesTest {
  protected:
    static constexpr int64_t kOriginal = 100;
    void Change(ModelConfig& config) override {
        RopeScaling& scaling = config.rotary[0].scaling;
        scaling.kind = RopeScaling::Kind::kLongRope;
        scaling.original_max_position_embeddings = kOriginal;
        for (int64_t i = 0; i < config.rotary[0].dims / 2; ++i) {
            scaling.short_divisors.push_back(1 + 0.1 * static_cast<double>(i));
            scaling.long_divisors.push_back(3 + 0.5 * static_cast<double>(i));
        }
    }
    // What a pass over all tokens says of the last one.
    float Logprob(const std::vector<int32_t>& tokens) {
        Example row;
        row.tokens.assign(tokens.begin(), tokens.end() - 1);
        row.weights.assign(row.tokens.size(), 1);
        Batch batch;
        batch.Append(row);
        const auto vocabulary = static_cast<size_t>(files_->config.vocab_size);
        std::vector<float> logits(row.tokens.size() * vocabulary);
        EXPECT_TRUE(model_->Logits(context_, batch, logits.data()).ok());
        return LogprobOf(std::span(logits).last(vocabulary), tokens.back(), 0).logprob;
    }
    Answer Alone(const GenerateRequest& request) {
        Generator generator = MakeGenerator();
        generator.set_prefix_cache_bytes(0);
        return AnswerOf(One(generator, request));
    }
};

// Prompts that begin below, at and past the original context. One that crosses it is computed
// again as a long one.
TEST_F(LongRopeTest, EachTokenIsThatOfAPassOverTheWholeSequence) {
    for (const int64_t prompt : {int64_t{70}, kOriginal - 1, kOriginal, kOriginal + 1}) {
        const GenerateRequest request = Request(Tokens(prompt, prompt), 50);
        const Answer answer = Alone(request);
        std::vector<int32_t> tokens = request.prompt;
        for (size_t t = 0; t < answer.tokens.size(); ++t) {
            tokens.push_back(answer.tokens[t]);
            ASSERT_NEAR(answer.logprobs[t], Logprob(tokens), 1e-4) << prompt << " + " << t;
        }
    }
}

// Prompts of both kinds that begin alike, in memory that is too little for all.
TEST_F(LongRopeTest, AnswersAreTheSameInAnyCompany) {
    int64_t reused = 0;
    for (const uint64_t seed : TestSeeds(4)) {
        TestRandom random(seed);
        EngineOptions options;
        options.max_running = random.Between(2, 6);
        options.prefill_tokens = random.Between(16, 200);
        options.prefill_tokens_beside = random.Between(8, 60);
        options.cache_bytes = model_->CacheBytes(random.Between(400, 900));
        reused += AskInCompany(
            random, options, 10,
            [&](int64_t) {
                std::vector<int32_t> head = Tokens(7, random.Between(0, 60));
                const auto own = Tokens(random.Between(0, 300), random.Between(1, 80));
                return Request(Joined(std::move(head), own), random.Between(1, 150));
            },
            [&](const GenerateRequest& request) { return Alone(request); });
    }
    EXPECT_GT(reused, 0);
}

// A beginning serves prompts with the positions that it was computed with, and no others.
TEST_F(LongRopeTest, ABeginningIsSharedByPromptsOfItsKind) {
    Generator generator = MakeGenerator();
    const auto reused = [&](int64_t shared, int64_t own, int64_t first) {
        const GenerateRequest request = Request(Joined(Tokens(1, shared), Tokens(first, own)), 4);
        const GenerateResult result = One(generator, request);
        EXPECT_EQ(AnswerOf(result), Alone(request));
        return result.reused_tokens;
    };
    EXPECT_EQ(reused(50, 20, 60), 0);
    EXPECT_EQ(reused(50, 30, 70), 50);
    EXPECT_EQ(reused(50, 80, 80), 0);  // a long one
    EXPECT_EQ(reused(50, 90, 90), 50);
    EXPECT_EQ(reused(50, 25, 95), 50);
    EXPECT_EQ(reused(50, kOriginal - 50, 99), 50);
}

// Over the original context and, with messages taken back, below it again.
TEST_F(LongRopeTest, AChatCrossesBothWays) {
    Generator generator = MakeGenerator();
    ChatSession session(generator, EncodeLongChat);
    session.Reset("");
    const GenerateOptions options = Request({}, 12).options;
    for (int turn = 0; turn < 12; ++turn) {
        const std::string text(static_cast<size_t>(10 + turn), static_cast<char>('a' + turn));
        nlohmann::ordered_json messages = session.messages();
        messages.push_back({{"role", "user"}, {"content", text}});
        const GenerateRequest fresh = Request(EncodeLongChat(messages).value(), 12);
        const auto answer = session.Say(text, options, nullptr);
        ASSERT_TRUE(answer.ok()) << answer.status();
        EXPECT_EQ(answer->tokens, Alone(fresh).tokens)
            << "turn " << turn << " of " << fresh.prompt.size() << " tokens";
        if (turn % 4 == 3)
            while (session.messages().size() > 2) session.TakeBack();
    }
}

}  // namespace
}  // namespace hone
