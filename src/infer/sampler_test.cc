#include "infer/sampler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>

#include "tensor/context.h"

namespace hone {
namespace {

// The share of each token in many draws.
std::map<int32_t, double> Shares(const SamplingOptions& options, const std::vector<float>& logits,
                                 int draws = 20000) {
    Sampler sampler(options, static_cast<int64_t>(logits.size()));
    std::map<int32_t, double> shares;
    for (int i = 0; i < draws; ++i) shares[sampler.Next(logits).value()] += 1.0 / draws;
    return shares;
}

TEST(Sampler, TemperatureZeroTakesTheLikeliestAndTheFirstOfTies) {
    SamplingOptions options;
    options.temperature = 0;
    Sampler sampler(options, 4);
    EXPECT_EQ(sampler.Next(std::vector<float>{0, 3, 1, 3}).value(), 1);
}

TEST(Sampler, DrawsFromTheSoftmaxAtItsTemperature) {
    for (float temperature : {0.5f, 1.0f, 2.0f}) {
        SamplingOptions options;
        options.temperature = temperature;
        const std::vector<float> logits = {1, 0, -1};
        double total = 0;
        for (float logit : logits) total += std::exp(logit / temperature);
        auto shares = Shares(options, logits);
        for (int i = 0; i < 3; ++i) {
            EXPECT_NEAR(shares[i], std::exp(logits[i] / temperature) / total, 0.015)
                << "temperature " << temperature;
        }
    }
}

TEST(Sampler, TopKKeepsTheLikeliestAndTheirTies) {
    SamplingOptions options;
    options.top_k = 2;
    EXPECT_EQ(Shares(options, {3, 2, 1, 0}).size(), 2);
    // transformers compares with the k-th score: what ties with it stays.
    EXPECT_EQ(Shares(options, {3, 2, 2, 0}).size(), 3);
    options.top_k = 100;
    EXPECT_EQ(Shares(options, {3, 2, 2, 1}).size(), 4);
}

TEST(Sampler, TopPKeepsTheLikeliestThatReachIt) {
    const std::vector<float> logits = {std::log(0.1f), std::log(0.5f), std::log(0.15f),
                                       std::log(0.25f)};
    SamplingOptions options;
    options.top_p = 0.49f;
    EXPECT_EQ(Shares(options, logits).size(), 1);
    options.top_p = 0.6f;
    auto two = Shares(options, logits);
    EXPECT_EQ(two.size(), 2);
    EXPECT_NEAR(two[1], 2.0 / 3, 0.015);
    options.top_p = 0.8f;
    EXPECT_EQ(Shares(options, logits).size(), 3);
    options.top_p = 1e-6f;
    EXPECT_EQ(Shares(options, logits).size(), 1);
}

TEST(Sampler, MinPComparesWithTheLikeliest) {
    SamplingOptions options;
    options.min_p = 0.4f;
    EXPECT_EQ(
        Shares(options, {std::log(0.5f), std::log(0.3f), std::log(0.15f), std::log(0.05f)}).size(),
        2);
}

// top_p after temperature: a high temperature flattens first, so that more tokens are needed to
// reach top_p.
TEST(Sampler, TemperatureComesBeforeTopP) {
    SamplingOptions options;
    options.top_p = 0.7f;
    const std::vector<float> logits = {2, 0, 0, 0};
    EXPECT_EQ(Shares(options, logits).size(), 1);
    options.temperature = 10;
    EXPECT_EQ(Shares(options, logits).size(), 3);
}

TEST(Sampler, RepetitionPenaltyWeakensWhatWasSeenOnce) {
    SamplingOptions options;
    options.temperature = 0;
    options.repetition_penalty = 2;
    Sampler sampler(options, 3);
    const std::vector<float> logits = {4, 3, -1};
    EXPECT_EQ(sampler.Next(logits).value(), 0);
    const std::vector<int32_t> seen = {0, 0, 0};
    sampler.SeePrompt(seen);
    // 4 / 2 = 2 < 3, and not 4 / 8.
    EXPECT_EQ(sampler.Next(logits).value(), 1);
    sampler.SeeDrawn(1);
    EXPECT_EQ(sampler.Next(logits).value(), 0);                            // 2 against 1.5
    EXPECT_EQ(sampler.Next(std::vector<float>{-1, -3, -1.5}).value(), 2);  // -2, -6, -1.5
}

TEST(Sampler, CountPenaltiesWeakenWhatWasDrawnAsOftenAsItWas) {
    SamplingOptions options;
    options.temperature = 0;
    options.frequency_penalty = 0.5f;
    options.presence_penalty = 1;
    Sampler sampler(options, 3);
    sampler.SeePrompt(std::vector<int32_t>{0, 0, 0});
    const std::vector<float> logits = {4, 2.2f, 2.1f};
    EXPECT_EQ(sampler.Next(logits).value(), 0);  // a prompt does not count
    sampler.SeeDrawn(0);
    EXPECT_EQ(sampler.Next(logits).value(), 0);  // 4 - 1.5
    sampler.SeeDrawn(0);
    EXPECT_EQ(sampler.Next(logits).value(), 1);  // 4 - 2
    sampler.SeeDrawn(1);
    EXPECT_EQ(sampler.Next(logits).value(), 2);  // 2, 0.7, 2.1
}

TEST(Sampler, BiasesAreAddedAndMasksHaveTheLastWord) {
    class Only : public TokenConstraint {
      public:
        std::span<const uint64_t> Allowed() override { return bits_; }
        void Accept(int32_t) override {}
        bool complete() const override { return false; }

      private:
        std::vector<uint64_t> bits_ = {uint64_t{1} << 3, uint64_t{1} << 1};  // tokens 3 and 65
    };
    std::vector<float> logits(70);
    logits[5] = 9;
    logits[65] = 2;
    SamplingOptions options;
    options.temperature = 0;
    options.logit_bias = {{7, 9.5f}, {3, 1}};
    EXPECT_EQ(Sampler(options, 70).Next(logits).value(), 7);
    Sampler masked(options, 70, std::make_shared<Only>());
    EXPECT_EQ(masked.Next(logits).value(), 65);
    options.temperature = 5;
    EXPECT_EQ(Shares(options, logits).size(), 70u);
    options.logit_bias = {{3, 100}};
    Sampler drawn(options, 70, std::make_shared<Only>());
    for (int i = 0; i < 100; ++i) EXPECT_EQ(drawn.Next(logits).value(), 3);
}

TEST(Sampler, EqualSeedsDrawEqualTokensOnAnyNumberOfThreads) {
    constexpr int64_t kVocabulary = 5000;
    constexpr int kSequences = 8, kTokens = 50;
    const auto draw = [&](int threads, uint64_t seed) {
        const Context context(threads);
        std::vector<std::vector<int32_t>> tokens(kSequences);
        context.ParallelFor(kSequences, [&](int64_t sequence, int) {
            SamplingOptions options;
            options.seed = seed + static_cast<uint64_t>(sequence);
            options.top_p = 0.95f;
            options.repetition_penalty = 1.1f;
            Sampler sampler(options, kVocabulary);
            Random noise(static_cast<uint64_t>(sequence));
            for (int i = 0; i < kTokens; ++i) {
                std::vector<float> logits(kVocabulary);
                for (float& logit : logits) logit = static_cast<float>(noise.NextUnit() * 10);
                tokens[sequence].push_back(sampler.Next(logits).value());
                sampler.SeeDrawn(tokens[sequence].back());
            }
        });
        return tokens;
    };
    EXPECT_EQ(draw(1, 7), draw(2, 7));
    EXPECT_NE(draw(1, 7), draw(1, 8));
}

TEST(Sampler, RefusesLogitsThatAreNotFinite) {
    for (float temperature : {0.0f, 1.0f}) {
        SamplingOptions options;
        options.temperature = temperature;
        Sampler sampler(options, 3);
        const float nan = std::numeric_limits<float>::quiet_NaN(),
                    infinity = std::numeric_limits<float>::infinity();
        EXPECT_EQ(KindOf(sampler.Next(std::vector<float>{nan, 1, 2}).status()), ErrorKind::kModel);
        EXPECT_EQ(KindOf(sampler.Next(std::vector<float>{1, 2, nan}).status()), ErrorKind::kModel);
        EXPECT_EQ(
            KindOf(sampler.Next(std::vector<float>{-infinity, -infinity, -infinity}).status()),
            ErrorKind::kModel);
        EXPECT_EQ(sampler.Next(std::vector<float>{-infinity, 1, -infinity}).value(), 1);
    }
}

TEST(CheckSampling, NamesTheValueThatIsOutOfRange) {
    EXPECT_TRUE(CheckSampling({}).ok());
    const auto refuses = [](const SamplingOptions& options, const char* name) {
        const absl::Status status = CheckSampling(options);
        EXPECT_EQ(KindOf(status), ErrorKind::kUsage) << name;
        EXPECT_THAT(std::string(status.message()), testing::HasSubstr(name));
    };
    refuses({.temperature = -0.1f}, "temperature");
    refuses({.temperature = std::nanf("")}, "temperature");
    refuses({.top_k = -1}, "top_k");
    refuses({.top_p = 0}, "top_p");
    refuses({.top_p = 1.01f}, "top_p");
    refuses({.min_p = 1.01f}, "min_p");
    refuses({.repetition_penalty = 0}, "repetition_penalty");
    refuses({.frequency_penalty = 2.1f}, "frequency_penalty");
    refuses({.presence_penalty = -2.1f}, "presence_penalty");
    refuses({.logit_bias = {{3, 101}}}, "logit_bias");
}

// Wherever it is in a vocabulary of more and fewer than a vector: the first of the highest, and no
// NaN is passed over.
TEST(Sampler, GreedyLooksEverywhere) {
    for (const size_t count : {1, 15, 16, 17, 50}) {
        SamplingOptions options;
        options.temperature = 0;
        Sampler sampler(options, static_cast<int64_t>(count));
        for (size_t at = 0; at < count; ++at) {
            std::vector<float> logits(count, -3.0f);
            logits[at] = logits.back() = -1.0f;
            const auto token = sampler.Next(logits);
            ASSERT_TRUE(token.ok()) << token.status();
            EXPECT_EQ(*token, static_cast<int32_t>(at));
            logits[at] = std::numeric_limits<float>::quiet_NaN();
            EXPECT_EQ(KindOf(sampler.Next(logits).status()), ErrorKind::kModel) << at;
        }
    }
}

}  // namespace
}  // namespace hone
