#include "infer/prefix_cache.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "chat/chat_files.h"
#include "infer/generator.h"

namespace hone {
namespace {

// Tokens first, first + 1, ... within the tiny model's vocabulary.
std::vector<int32_t> Tokens(int32_t first, size_t count) {
    std::vector<int32_t> tokens(count);
    for (size_t i = 0; i < count; ++i) tokens[i] = 3 + (first + static_cast<int32_t>(i * i)) % 300;
    return tokens;
}

std::vector<int32_t> Joined(std::vector<int32_t> a, const std::vector<int32_t>& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
}

class PrefixCacheTest : public testing::Test {
  protected:
    void SetUp() override {
        files_ = OpenModel(HONE_SOURCE_DIR "/tests/golden/models/tied").value();
        model_ = Load({.compute = ComputeType::kF32});
    }
    std::unique_ptr<Model> Load(const LoadOptions& options) {
        return Model::Load(*files_, options, context_).value();
    }
    // A cache that holds the prompt.
    std::unique_ptr<KvCache> Filled(const std::vector<int32_t>& prompt, int64_t capacity = 0) {
        auto cache =
            model_->NewCache(std::max<int64_t>(capacity, static_cast<int64_t>(prompt.size())));
        std::vector<float> logits(static_cast<size_t>(model_->config().vocab_size));
        EXPECT_TRUE(model_->Decode(context_, {prompt}, {cache.get()}, logits.data()).ok());
        return cache;
    }

    Context context_{2};
    std::unique_ptr<ModelFiles> files_;
    std::unique_ptr<Model> model_;
};

// Bit by bit, wherever the prompt is cut and however long it is.
TEST_F(PrefixCacheTest, WhatIsTakenFromAnotherIsWhatWouldBeComputed) {
    for (LoadOptions options :
         {LoadOptions{.compute = ComputeType::kF32}, LoadOptions{.compute = ComputeType::kBF16},
          LoadOptions{.storage = WeightStorage::kInt4}}) {
        model_ = Load(options);
        const size_t vocab_size = static_cast<size_t>(model_->config().vocab_size);
        for (size_t length : {25, 100, 258, 262, 490}) {
            const auto prompt = Tokens(1, length);
            std::vector<float> whole(vocab_size), logits(vocab_size);
            auto cache = model_->NewCache(static_cast<int64_t>(length));
            ASSERT_TRUE(model_->Decode(context_, {prompt}, {cache.get()}, whole.data()).ok());
            for (size_t shared : {size_t{16}, length / 3 + 11, length - kLastPromptTokens}) {
                const auto other =
                    Filled(Joined({prompt.begin(), prompt.begin() + shared}, Tokens(77, 12)));
                auto copy = model_->NewCache(static_cast<int64_t>(length) + 3);
                copy->CopyFrom(*other, static_cast<int64_t>(shared));
                ASSERT_TRUE(model_
                                ->Decode(context_, {{prompt.begin() + shared, prompt.end()}},
                                         {copy.get()}, logits.data())
                                .ok());
                ASSERT_EQ(logits, whole) << "length " << length << ", shared " << shared
                                         << ", compute " << static_cast<int>(options.compute);
            }
        }
    }
}

TEST_F(PrefixCacheTest, SharesOnlyWhatIsWorthIt) {
    const auto prompt = Tokens(1, 60);
    const auto cache = Filled(prompt);
    const PrefixSource source{nullptr, prompt, cache.get()};
    EXPECT_TRUE(source.Serves(60, 70));
    EXPECT_FALSE(source.Serves(61, 70));
    EXPECT_FALSE((PrefixSource{nullptr, prompt, nullptr}.Serves(0, 70)));
    const auto begin = [&](size_t count, size_t more) {
        return Joined({prompt.begin(), prompt.begin() + count}, Tokens(50, more));
    };
    EXPECT_EQ(SharedTokens(source, nullptr, begin(40, 20)), 40);
    EXPECT_EQ(SharedTokens(source, nullptr, begin(60, 20)), 60);
    EXPECT_EQ(SharedTokens(source, nullptr, begin(60, 0)), 60 - kLastPromptTokens);
    EXPECT_EQ(SharedTokens(source, nullptr, begin(16, 8)), 16);
    EXPECT_EQ(SharedTokens(source, nullptr, begin(16, 7)), 0);
    EXPECT_EQ(SharedTokens(source, nullptr, begin(15, 20)), 0);
    const auto adapter = model_->MakeAdapter({}).value();
    EXPECT_EQ(SharedTokens(source, adapter.get(), begin(40, 20)), 0);
}

TEST_F(PrefixCacheTest, KeepsWhatWasOfUse) {
    const auto adapter = model_->MakeAdapter({}).value();
    const std::vector<std::vector<int32_t>> prompts = {Tokens(1, 40), Tokens(20, 40),
                                                       Tokens(50, 40)};
    const size_t bytes = Filled(prompts[0])->bytes();
    PrefixCache cache(2 * bytes);
    const auto held = [&](size_t i, const Adapter* with = nullptr) {
        return cache.Find(with, Joined(prompts[i], Tokens(90, 10))).cache != nullptr;
    };
    cache.Put(nullptr, prompts[0], Filled(prompts[0]));
    cache.Put(nullptr, prompts[1], Filled(prompts[1]));
    EXPECT_TRUE(held(0) && held(1));
    cache.Put(nullptr, prompts[2],
              Filled(prompts[2]));  // the first was asked for before the second
    EXPECT_TRUE(!held(0) && held(1) && held(2));
    cache.Put(nullptr, prompts[2], Filled(prompts[2]));  // there already
    EXPECT_TRUE(held(1));
    cache.Put(nullptr, prompts[0], Filled(prompts[0], 200));  // too large
    EXPECT_TRUE(!held(0) && held(1) && held(2));
    auto part = Filled(prompts[0]);
    part->Truncate(39);
    cache.Put(nullptr, prompts[0], std::move(part));
    EXPECT_FALSE(held(0));
    cache.Put(adapter.get(), prompts[0], Filled(prompts[0]));
    EXPECT_TRUE(held(0, adapter.get()) && !held(0));
    cache.Forget(adapter.get());
    EXPECT_FALSE(held(0, adapter.get()));
    cache.set_max_bytes(0);
    EXPECT_FALSE(held(1) || held(2));
}

// Of layers with windows: it can be continued from `least` tokens on.
class ForgetfulCache : public KvCache {
  public:
    ForgetfulCache(int64_t length, int64_t least) : length_(length), least_(least) {}
    int64_t length() const override { return length_; }
    int64_t capacity() const override { return length_; }
    void Expect(int64_t) override {}
    bool Serves(int64_t length, int64_t) const override {
        return length == 0 || (length >= least_ && length <= length_);
    }
    void Truncate(int64_t) override {}
    void CopyFrom(const KvCache&, int64_t) override {}
    size_t bytes() const override { return 1; }

  private:
    int64_t length_, least_;
};

TEST(PrefixCacheOfWindows, KeepsWhatCanBeContinued) {
    PrefixCache cache(2);
    const auto prompt = Tokens(1, 100), other = Tokens(50, 100);
    const auto put = [&](const std::vector<int32_t>& tokens, int64_t least) {
        cache.Put(nullptr, tokens,
                  std::make_unique<ForgetfulCache>(static_cast<int64_t>(tokens.size()) + 5, least));
    };
    const auto found = [&](const std::vector<int32_t>& asked) {
        return cache.Find(nullptr, asked).cache;
    };
    put(prompt, 101);  // its end is forgotten
    EXPECT_EQ(found(Joined(prompt, other)), nullptr);
    put(prompt, 95);
    put(other, 0);
    const KvCache* first = found(Joined(prompt, other));
    EXPECT_NE(first, nullptr);
    EXPECT_EQ(found(prompt), nullptr);  // which would be continued from 92 tokens
    EXPECT_EQ(found(Joined({prompt.begin(), prompt.begin() + 60}, other)), nullptr);
    put(prompt, 40);  // in the place of the first
    EXPECT_NE(found(prompt), nullptr);
    EXPECT_NE(found(Joined({prompt.begin(), prompt.begin() + 60}, other)), nullptr);
    EXPECT_NE(found(other), nullptr);
    const KvCache* kept = found(prompt);
    put(prompt, 0);  // the one that is there will do
    put({prompt.begin(), prompt.begin() + 90}, 0);
    EXPECT_EQ(found(prompt), kept);
    EXPECT_NE(found(other), nullptr);
}

TEST_F(PrefixCacheTest, AnswersAreTheSameAndPromptsAreComputedOnce) {
    model_ = Load({.compute = ComputeType::kBF16});
    const auto head = Tokens(1, 50);
    std::vector<GenerateRequest> requests(5);
    for (size_t i = 0; i < requests.size(); ++i) {
        requests[i].prompt = Joined(head, Tokens(static_cast<int32_t>(60 + 7 * i), 10 + i));
        requests[i].options.max_new_tokens = 7;
        requests[i].options.ignore_eos = true;
        requests[i].options.sampling.temperature = 0;
    }
    requests[4].prompt = Tokens(5, 40);
    Generator generator(*model_, OpenChat(*files_).value()->tokenizer, {}, context_);
    const auto generate = [&](GenerateStats& stats) {
        std::vector<std::vector<int32_t>> tokens;
        const auto results = generator.Generate(requests, 2, nullptr, &stats).value();
        for (const GenerateResult& result : results) {
            EXPECT_EQ(result.prompt_tokens,
                      static_cast<int64_t>(requests[tokens.size()].prompt.size()));
            tokens.push_back(result.tokens);
        }
        return tokens;
    };
    generator.set_prefix_cache_bytes(0);
    GenerateStats alone, together, again;
    const auto expected = generate(alone);
    EXPECT_EQ(alone.reused_tokens, 0);
    generator.set_prefix_cache_bytes(kPrefixCacheBytes);
    EXPECT_EQ(generate(together), expected);
    EXPECT_EQ(together.reused_tokens, 3 * 50);
    EXPECT_EQ(together.prompt_tokens, alone.prompt_tokens - 3 * 50);
    EXPECT_EQ(generate(again), expected);
    EXPECT_EQ(again.prompt_tokens, 5 * kLastPromptTokens);
}

}  // namespace
}  // namespace hone
