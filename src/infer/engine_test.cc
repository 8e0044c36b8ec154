#include "infer/engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <optional>

#include "adapt/base_adapter.h"
#include "base/files/testing.h"
#include "chat/chat_files.h"

namespace hone {
namespace {

using testing::HasSubstr;

// Keeps what it hears of any number of requests.
class Heard : public RequestSink {
  public:
    void OnToken(uint64_t id, const TokenUpdate& update) override {
        texts[id] += update.text;
        tokens[id].push_back(update.token);
    }
    void OnEnd(uint64_t id, absl::StatusOr<GenerateResult> result) override {
        EXPECT_TRUE(ended.emplace(id, std::move(result)).second) << "a second end of " << id;
    }
    std::map<uint64_t, std::string> texts;
    std::map<uint64_t, std::vector<int32_t>> tokens;
    std::map<uint64_t, absl::StatusOr<GenerateResult>> ended;
};

class EngineTest : public testing::Test {
  protected:
    void SetUp() override {
        files_ = OpenModel(HONE_SOURCE_DIR "/tests/golden/models/tied").value();
        chat_ = OpenChat(*files_).value();
        Load({.compute = ComputeType::kBF16});
    }
    void Load(const LoadOptions& options) {
        adapters_.clear();
        model_ = Model::Load(*files_, options, context_).value();
        for (int rank : {3, 8}) {
            LoraConfig config;
            config.r = rank;
            config.target_modules = {"all-linear"};
            adapters_.push_back(
                RandomAdapter(*model_, config, static_cast<uint64_t>(rank)).value());
        }
    }
    std::unique_ptr<Engine> MakeEngine(const EngineOptions& options) {
        auto engine =
            std::make_unique<Engine>(*model_, chat_->tokenizer, chat_->eos_ids, context_, options);
        EXPECT_TRUE(engine->AddAdapter("three", adapters_[0]).ok());
        EXPECT_TRUE(engine->AddAdapter("eight", adapters_[1]).ok());
        return engine;
    }
    // The answer of a request that has an engine of its own.
    GenerateResult Alone(const GenerateRequest& request) {
        EngineOptions options;
        options.prefix_cache_bytes = 0;
        const auto engine = MakeEngine(options);
        Heard heard;
        const uint64_t id = engine->Submit(request, heard).value();
        while (engine->busy()) engine->Step();
        return heard.ended.at(id).value();
    }
    static GenerateRequest Request(size_t prompt_tokens, int64_t max_new_tokens,
                                   int32_t first = 5) {
        GenerateRequest request;
        for (size_t i = 0; i < prompt_tokens; ++i)
            request.prompt.push_back(3 + static_cast<int32_t>((first + i * i) % 370));
        request.options.max_new_tokens = max_new_tokens;
        request.options.sampling.temperature = 0;
        request.options.ignore_eos = true;
        return request;
    }

    Context context_{2};
    std::unique_ptr<ModelFiles> files_;
    std::unique_ptr<ChatFiles> chat_;
    std::unique_ptr<Model> model_;
    std::vector<std::shared_ptr<const Adapter>> adapters_;
};

GenerateRequest RandomRequest(TestRandom& random) {
    GenerateRequest request;
    // Some begin alike, some are long, some are shorter than a piece may be.
    const int64_t head = random.Between(0, 2) == 0 ? random.Between(20, 90) : 0;
    for (int64_t i = 0; i < head; ++i) request.prompt.push_back(static_cast<int32_t>(10 + i % 77));
    const int64_t own =
        random.Between(0, 4) == 0 ? random.Between(100, 380) : random.Between(1, 30);
    for (int64_t i = 0; i < own; ++i)
        request.prompt.push_back(static_cast<int32_t>(random.Between(3, 380)));
    GenerateOptions& options = request.options;
    options.max_new_tokens = random.Between(1, 40);
    options.ignore_eos = random.Between(0, 1) == 0;
    options.top_logprobs = random.Between(-1, 3);
    if (random.Between(0, 3) == 0) options.stop = {"e", "th"};
    SamplingOptions& sampling = options.sampling;
    sampling.seed = random.Next();
    sampling.temperature = random.Between(0, 2) == 0 ? 0 : 1.2f;
    if (random.Between(0, 2) == 0) sampling.top_p = 0.9f;
    if (random.Between(0, 3) == 0) sampling.frequency_penalty = 0.7f;
    if (random.Between(0, 3) == 0) sampling.repetition_penalty = 1.1f;
    if (random.Between(0, 3) == 0) sampling.logit_bias = {{7, 3.0f}, {9, -100.0f}};
    request.adapter = std::array{"", "three", "eight"}[random.Between(0, 2)];
    return request;
}

// Whatever runs beside it, wherever its prompt is cut, whether its beginning comes out of a cache
// or it was preempted: bit by bit what it gets alone.
TEST_F(EngineTest, AnAnswerIsTheSameInAnyCompany) {
    for (uint64_t seed : TestSeeds(6)) {
        TestRandom random(seed);
        Load(seed % 3 == 2   ? LoadOptions{.storage = WeightStorage::kInt4}
             : seed % 3 == 1 ? LoadOptions{.compute = ComputeType::kF32}
                             : LoadOptions{.compute = ComputeType::kBF16});
        EngineOptions options;
        options.max_running = random.Between(2, 9);
        options.prefill_tokens = random.Between(16, 300);
        options.prefill_tokens_beside = random.Between(1, 100);
        if (seed % 2 == 0) options.prefix_cache_bytes = 0;
        // Enough for one of the longest.
        const size_t longest = model_->NewCache(512)->bytes();
        options.cache_bytes = longest + longest / 4 * static_cast<size_t>(random.Between(0, 8));
        const auto engine = MakeEngine(options);
        Heard heard;
        std::map<uint64_t, GenerateRequest> requests;
        std::vector<uint64_t> cancelled;
        int64_t left = 24;
        while (left > 0 || engine->busy()) {
            for (int64_t join = random.Between(-2, 3); join > 0 && left > 0; --join, --left) {
                const GenerateRequest request = RandomRequest(random);
                requests[engine->Submit(request, heard).value()] = request;
            }
            if (random.Between(0, 30) == 0) {
                cancelled.push_back(static_cast<uint64_t>(random.Between(1, 24)));
                engine->Cancel(cancelled.back());
            }
            engine->Step();
            EXPECT_LE(engine->cache_bytes(), options.cache_bytes);
        }
        ASSERT_EQ(heard.ended.size(), requests.size());
        for (const auto& [id, request] : requests) {
            const absl::StatusOr<GenerateResult>& result = heard.ended.at(id);
            ASSERT_TRUE(result.ok()) << result.status();
            EXPECT_EQ(result->text, heard.texts[id]);
            EXPECT_EQ(result->tokens, heard.tokens[id]);
            const GenerateResult alone = Alone(request);
            std::vector<int32_t> expected = alone.tokens;
            if (result->finish == FinishReason::kCancelled) {
                EXPECT_TRUE(std::count(cancelled.begin(), cancelled.end(), id) > 0) << id;
                expected.resize(result->tokens.size());
            } else {
                EXPECT_EQ(result->finish, alone.finish);
                EXPECT_EQ(result->text, alone.text);
                ASSERT_EQ(result->logprobs.size(), alone.logprobs.size());
                for (size_t i = 0; i < alone.logprobs.size(); ++i) {
                    EXPECT_EQ(result->logprobs[i].logprob, alone.logprobs[i].logprob);
                    EXPECT_EQ(result->logprobs[i].top, alone.logprobs[i].top);
                }
            }
            EXPECT_EQ(result->tokens, expected) << "request " << id;
        }
    }
}

TEST_F(EngineTest, ALongPromptStopsNobody) {
    EngineOptions options;
    options.prefill_tokens_beside = 16;
    const auto engine = MakeEngine(options);
    Heard heard;
    const uint64_t quick = engine->Submit(Request(4, 60), heard).value();
    engine->Step();
    const uint64_t slow = engine->Submit(Request(400, 4), heard).value();
    for (size_t step = 2; step <= 20; ++step) {
        engine->Step();
        EXPECT_EQ(heard.tokens[quick].size(), step);
        EXPECT_TRUE(heard.tokens[slow].empty());
    }
    while (engine->busy()) engine->Step();
    EXPECT_EQ(heard.tokens[slow].size(), 4u);
    // Without company it is read in larger pieces.
    const uint64_t again = engine->Submit(Request(400, 4, 9), heard).value();
    engine->Step();
    EXPECT_EQ(heard.tokens[again].size(), 1u);
}

// With room for one and a half, the second gives way, and comes back with the same answer.
TEST_F(EngineTest, WhereMemoryEndsTheLastOneGivesWay) {
    const GenerateRequest first = Request(30, 330), second = Request(31, 330, 8);
    EngineOptions options;
    options.prefix_cache_bytes = 0;
    options.cache_bytes = model_->NewCache(600)->bytes();
    const auto engine = MakeEngine(options);
    Heard heard;
    const uint64_t one = engine->Submit(first, heard).value();
    const uint64_t two = engine->Submit(second, heard).value();
    int64_t most = 0;
    bool gave_way = false;
    while (engine->busy()) {
        engine->Step();
        most = std::max(most, engine->running());
        gave_way |= engine->queued() == 1 && !heard.tokens[two].empty();
        EXPECT_LE(engine->cache_bytes(), options.cache_bytes);
    }
    EXPECT_EQ(most, 2);
    EXPECT_TRUE(gave_way);
    EXPECT_EQ(heard.ended.at(one)->tokens, Alone(first).tokens);
    EXPECT_EQ(heard.ended.at(two)->tokens, Alone(second).tokens);
    EXPECT_EQ(heard.tokens[two], heard.ended.at(two)->tokens);  // none was told twice
}

TEST_F(EngineTest, WhatCanNeverRunIsRefusedAndTheQueueHasALimit) {
    EngineOptions options;
    options.cache_bytes = model_->NewCache(100)->bytes();
    options.max_queued = 2;
    const auto engine = MakeEngine(options);
    Heard heard;
    const auto error = [&](const GenerateRequest& request) {
        return engine->Submit(request, heard).status();
    };
    EXPECT_EQ(KindOf(error(Request(100, 1))), ErrorKind::kData);
    EXPECT_THAT(std::string(error(Request(100, 1)).message()), HasSubstr("its cache needs"));
    // As many tokens as there is room for.
    const uint64_t cut = engine->Submit(Request(98, 10), heard).value();
    while (engine->busy()) engine->Step();
    EXPECT_EQ(heard.tokens[cut].size(), 2u);
    EXPECT_EQ(heard.ended.at(cut)->finish, FinishReason::kLength);
    EXPECT_TRUE(engine->Submit(Request(60, 40), heard).ok());
    EXPECT_TRUE(engine->Submit(Request(60, 40), heard).ok());
    EXPECT_EQ(KindOf(error(Request(60, 40))), ErrorKind::kMemory);
    engine->Step();
    EXPECT_EQ(engine->running(), 1);
    EXPECT_EQ(engine->queued(), 1);
    EXPECT_TRUE(engine->Submit(Request(60, 40), heard).ok());
    GenerateRequest biased = Request(3, 3);
    biased.options.sampling.logit_bias = {{384, 1.0f}};
    EXPECT_THAT(std::string(error(biased).message()), HasSubstr("token 384"));
}

// Allows one token, and after it none.
class OneToken : public TokenConstraint {
  public:
    std::span<const uint64_t> Allowed() override { return bits_; }
    void Accept(int32_t) override { bits_.assign(6, 0); }
    bool complete() const override { return false; }

  private:
    std::vector<uint64_t> bits_ = {uint64_t{1} << 20, 0, 0, 0, 0, 0};
};

TEST_F(EngineTest, AnErrorIsThatRequestsAlone) {
    const auto engine = MakeEngine({});
    Heard heard;
    GenerateRequest broken = Request(5, 10);
    broken.constraint = std::make_shared<OneToken>();
    const uint64_t bad = engine->Submit(broken, heard).value();
    const uint64_t good = engine->Submit(Request(6, 10), heard).value();
    while (engine->busy()) engine->Step();
    EXPECT_FALSE(heard.ended.at(bad).ok());
    EXPECT_EQ(heard.tokens[bad], std::vector<int32_t>{20});
    EXPECT_EQ(heard.ended.at(good)->tokens, Alone(Request(6, 10)).tokens);
}

TEST_F(EngineTest, AdaptersComeAndGoWhileTheyAreUsed) {
    const auto engine = MakeEngine({});
    Heard heard;
    GenerateRequest request = Request(40, 12);
    request.adapter = "three";
    const GenerateResult alone = Alone(request);
    const uint64_t running = engine->Submit(request, heard).value();
    engine->Step();
    const uint64_t waiting = engine->Submit(request, heard).value();
    ASSERT_TRUE(engine->RemoveAdapter("three").ok());
    EXPECT_FALSE(engine->Submit(request, heard).ok());
    ASSERT_TRUE(engine->AddAdapter("three", adapters_[1]).ok());
    const uint64_t other = engine->Submit(request, heard).value();
    while (engine->busy()) engine->Step();
    EXPECT_EQ(heard.ended.at(running)->tokens, alone.tokens);
    EXPECT_EQ(heard.ended.at(waiting)->tokens, alone.tokens);
    request.adapter = "eight";
    EXPECT_EQ(heard.ended.at(other)->tokens, Alone(request).tokens);
    EXPECT_NE(heard.ended.at(other)->tokens, alone.tokens);
}

TEST_F(EngineTest, TokensHaveTheirLogProbabilities) {
    GenerateRequest request = Request(9, 3);
    request.options.top_logprobs = 4;
    request.options.sampling.logit_bias = {{11, 100.0f}};  // they are the model's own
    const GenerateResult result = Alone(request);
    ASSERT_EQ(result.logprobs.size(), 3u);
    std::vector<float> logits(384);
    auto cache = model_->NewCache(20);
    ASSERT_TRUE(model_->Decode(context_, {request.prompt}, {cache.get()}, logits.data()).ok());
    double sum = 0;
    for (float logit : logits) sum += std::exp(static_cast<double>(logit));
    const TokenLogprob& first = result.logprobs[0];
    EXPECT_EQ(first.token, 11);
    EXPECT_NEAR(first.logprob, logits[11] - std::log(sum), 1e-5);
    ASSERT_EQ(first.top.size(), 4u);
    const auto likeliest = std::max_element(logits.begin(), logits.end()) - logits.begin();
    EXPECT_EQ(first.top[0].first, likeliest);
    for (int i = 1; i < 4; ++i) EXPECT_GE(first.top[i - 1].second, first.top[i].second);
    request.options.top_logprobs = 0;
    EXPECT_TRUE(Alone(request).logprobs[0].top.empty());
}

TEST_F(EngineTest, TimesAndCountsAreKept) {
    const auto engine = MakeEngine({});
    Heard heard;
    engine->set_max_running(1);
    const uint64_t first = engine->Submit(Request(40, 5), heard).value();
    const uint64_t second = engine->Submit(Request(40, 5), heard).value();
    while (engine->busy()) engine->Step();
    const GenerateResult& one = *heard.ended.at(first);
    const GenerateResult& two = *heard.ended.at(second);
    EXPECT_EQ(one.prompt_tokens, 40);
    EXPECT_EQ(one.reused_tokens, 0);
    EXPECT_EQ(two.reused_tokens, 40 - kLastPromptTokens);
    EXPECT_GE(two.queue_seconds, one.seconds);
    EXPECT_GT(one.first_seconds, 0);
    EXPECT_LE(one.first_seconds, one.seconds);
    EXPECT_EQ(engine->stats().new_tokens, 10);
    EXPECT_EQ(engine->stats().decode_tokens, 8);
    EXPECT_EQ(engine->stats().prompt_tokens, 40 + kLastPromptTokens);
}

// What waits costs little, and so does to give it up.
TEST_F(EngineTest, AnyNumberMayWait) {
    EngineOptions options;
    options.max_queued = SIZE_MAX;
    options.max_running = 2;
    const auto engine = MakeEngine(options);
    Heard heard;
    constexpr uint64_t kMany = 20'000;
    for (uint64_t i = 0; i < kMany; ++i) ASSERT_TRUE(engine->Submit(Request(3, 4), heard).ok());
    engine->Step();
    for (uint64_t id = 1; id <= kMany; ++id) engine->Cancel(id);
    engine->Cancel(kMany + 1);
    engine->Step();
    EXPECT_FALSE(engine->busy());
    EXPECT_EQ(heard.ended.size(), kMany);
    EXPECT_EQ(heard.ended.at(2)->tokens.size(), 1u);
    EXPECT_TRUE(heard.ended.at(3)->tokens.empty());
}

// A sink may ask for more, and cancel others.
TEST_F(EngineTest, SinksMaySubmitAndCancel) {
    const auto engine = MakeEngine({});
    class Chained : public Heard {
      public:
        explicit Chained(Engine& engine) : engine_(engine) {}
        void OnToken(uint64_t id, const TokenUpdate& update) override {
            Heard::OnToken(id, update);
            if (id == 1 && tokens[1].size() == 3) engine_.Cancel(2);
        }
        void OnEnd(uint64_t id, absl::StatusOr<GenerateResult> result) override {
            Heard::OnEnd(id, std::move(result));
            if (id != 1) return;
            EXPECT_TRUE(engine_.Submit(Request(3, 2), *this).ok());
        }

      private:
        Engine& engine_;
    } chained(*engine);
    ASSERT_EQ(engine->Submit(Request(3, 5), chained).value(), 1u);
    ASSERT_EQ(engine->Submit(Request(4, 50), chained).value(), 2u);
    while (engine->busy()) engine->Step();
    EXPECT_EQ(chained.ended.at(2)->finish, FinishReason::kCancelled);
    EXPECT_EQ(chained.ended.at(2)->tokens.size(), 3u);
    EXPECT_EQ(chained.ended.at(3)->tokens.size(), 2u);
}

}  // namespace
}  // namespace hone
