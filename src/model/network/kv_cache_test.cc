// Caches of layers with a sliding window against caches that keep everything: the same bits.
#include "model/network/kv_cache.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>

#include "base/files/testing.h"

namespace hone {
namespace {

// A golden model with a longer context and other windows.
struct WindowedModel {
    std::unique_ptr<ModelFiles> files;
    std::unique_ptr<Model> model;
    LoadOptions options;

    WindowedModel(const std::string& name, const std::vector<int64_t>& windows,
                  const LoadOptions& load, const Context& context)
        : options(load) {
        files = OpenModel(HONE_SOURCE_DIR "/tests/golden/models/" + name).value();
        files->config.max_position_embeddings = 1 << 17;
        for (size_t l = 0; l < files->config.layers.size(); ++l)
            files->config.layers[l].window = windows[l % windows.size()];
        model = Model::Load(*files, load, context).value();
    }

    // That keeps the keys and values of all tokens.
    std::unique_ptr<KvCache> Unbounded(int64_t capacity) const {
        KvCacheShape shape{.windows = std::vector<int64_t>(files->config.layers.size()),
                           .KV = files->config.num_key_value_heads,
                           .D = files->config.head_dim,
                           .ahead = model->virtual_tokens()};
        if (options.compute == ComputeType::kF32)
            return std::make_unique<TypedKvCache<float>>(shape, capacity);
        return std::make_unique<TypedKvCache<bf16>>(shape, capacity);
    }
};

// A bounded cache and one that keeps everything, which take the same tokens.
class Pair {
  public:
    Pair(const WindowedModel& windowed, const Context& context, int64_t capacity)
        : windowed_(windowed),
          context_(context),
          bounded(windowed.model->NewCache(capacity)),
          whole(windowed.Unbounded(capacity)) {}

    Pair Copy(int64_t length) const {
        Pair copy(windowed_, context_, whole->capacity());
        copy.bounded->CopyFrom(*bounded, length);
        copy.whole->CopyFrom(*whole, length);
        return copy;
    }
    void Truncate(int64_t length) {
        bounded->Truncate(length);
        whole->Truncate(length);
    }

  private:
    const WindowedModel& windowed_;
    const Context& context_;

  public:
    std::unique_ptr<KvCache> bounded, whole;
};

class KvCacheTest : public testing::Test {
  protected:
    std::vector<int32_t> Tokens(int64_t count) {
        std::vector<int32_t> tokens(static_cast<size_t>(count));
        for (int32_t& token : tokens) token = static_cast<int32_t>(random_->Between(3, 90));
        return tokens;
    }
    // Appends that many tokens to each pair, and expects the same bits of both.
    void Feed(const WindowedModel& windowed, const std::vector<Pair*>& pairs,
              const std::vector<int64_t>& counts) {
        std::vector<std::vector<int32_t>> tokens;
        std::vector<KvCache*> bounded, whole;
        for (size_t i = 0; i < pairs.size(); ++i) {
            tokens.push_back(Tokens(counts[i]));
            bounded.push_back(pairs[i]->bounded.get());
            whole.push_back(pairs[i]->whole.get());
        }
        const size_t size = pairs.size() * static_cast<size_t>(windowed.files->config.vocab_size);
        std::vector<float> logits(size), expected(size);
        ASSERT_TRUE(windowed.model->Decode(context_, tokens, bounded, logits.data()).ok());
        ASSERT_TRUE(windowed.model->Decode(context_, tokens, whole, expected.data()).ok());
        for (const Pair* pair : pairs) ASSERT_EQ(pair->bounded->length(), pair->whole->length());
        ASSERT_EQ(logits, expected) << "after " << pairs[0]->whole->length() << " tokens";
    }
    // A prompt of that many tokens, cut anywhere, in company of an answer.
    void FeedPrompt(const WindowedModel& windowed, Pair& prompt, Pair& answer, int64_t count) {
        while (count > 0) {
            int64_t piece = random_->Between(0, 3) == 0 ? count : random_->Between(8, 700);
            if (count - piece < kLastPromptTokens) piece = count;
            Feed(windowed, {&prompt, &answer}, {piece, 1});
            count -= piece;
        }
    }

    Context context_{2};
    std::optional<TestRandom> random_{std::in_place, 1};
};

const LoadOptions kLoads[] = {{.compute = ComputeType::kF32},
                              {.compute = ComputeType::kBF16},
                              {.storage = WeightStorage::kInt4}};

// Rows of many windows; some layers have none, or a longer one.
TEST_F(KvCacheTest, BoundedAndWholeGiveTheSameBits) {
    const std::vector<std::pair<std::string, std::vector<int64_t>>> cases = {
        {"mistral", {6}}, {"gemma3", {70, 200, 0}}, {"phi", {1, 64}}};
    for (const uint64_t seed : TestSeeds(static_cast<uint64_t>(cases.size()))) {
        random_.emplace(seed);
        const auto& [name, windows] = cases[seed % cases.size()];
        for (const LoadOptions& load : kLoads) {
            SCOPED_TRACE(fmt::format("{} seed {}", name, seed));
            const WindowedModel windowed(name, windows, load, context_);
            Pair prompt(windowed, context_, 6000), answer(windowed, context_, 6000);
            FeedPrompt(windowed, prompt, answer, 1400);
            for (int64_t t = 0; t < 60; ++t) Feed(windowed, {&prompt, &answer}, {1, 1});
            FeedPrompt(windowed, answer, prompt, 700);
            EXPECT_LT(prompt.bounded->bytes(), prompt.whole->bytes());
            if (HasFatalFailure()) return;
        }
    }
}

TEST_F(KvCacheTest, TokenByTokenOverManyWindows) {
    const WindowedModel windowed("mistral", {20, 150}, kLoads[0], context_);
    Pair pair(windowed, context_, 2000);
    for (int64_t t = 0; t < 1700; ++t) Feed(windowed, {&pair}, {1});
}

// What begins at a length that a cache serves has the same bits, and the last tokens can always be
// taken back.
TEST_F(KvCacheTest, WhatItServesGoesOnTheSame) {
    const WindowedModel windowed("gemma3", {70, 130, 0}, kLoads[1], context_);
    int served = 0, refused = 0;
    for (const uint64_t seed : TestSeeds(4)) {
        random_.emplace(seed);
        Pair pair(windowed, context_, 9000), other(windowed, context_, 9000);
        FeedPrompt(windowed, pair, other, 300);
        EXPECT_TRUE(pair.bounded->Serves(20, 40));  // nothing is forgotten yet
        for (int step = 0; step < 8; ++step) {
            FeedPrompt(windowed, pair, other, random_->Between(8, 900));
            const int64_t length = pair.whole->length();
            for (int64_t back = 0; back <= 64; ++back)
                ASSERT_TRUE(pair.bounded->Serves(length - back, length)) << back;
            EXPECT_TRUE(pair.bounded->Serves(0, length));
            EXPECT_FALSE(pair.bounded->Serves(length + 1, length + 1));
            const int64_t cut = length - random_->Between(0, std::min<int64_t>(length, 800));
            if (!pair.bounded->Serves(cut, cut + 10)) {
                ++refused;
                continue;
            }
            ++served;
            Pair copy = pair.Copy(cut);
            FeedPrompt(windowed, copy, other, random_->Between(8, 700));
            if (step % 2 == 0) pair.Truncate(cut);
            FeedPrompt(windowed, pair, copy, random_->Between(8, 60));
            if (HasFatalFailure()) return;
        }
        pair.Truncate(0);
        FeedPrompt(windowed, pair, other, 900);
    }
    EXPECT_GT(served, 0);
    EXPECT_GT(refused, 0);
}

TEST_F(KvCacheTest, VirtualTokensLeaveTheWindowLikeOthers) {
    for (const VirtualTokens kind : {VirtualTokens::kEmbeddings, VirtualTokens::kKeysAndValues}) {
        WindowedModel windowed("mistral", {90}, kLoads[0], context_);
        ASSERT_TRUE(windowed.model->AddVirtualTokens(kind, 300).ok());
        ASSERT_TRUE(windowed.model->FinishParameters(context_).ok());
        for (float& value : windowed.model->parameters().values())
            value = 0.3f * static_cast<float>(random_->Normal());
        windowed.model->ParametersChanged(context_);
        Pair prompt(windowed, context_, 3000), answer(windowed, context_, 3000);
        FeedPrompt(windowed, prompt, answer, 900);
        for (int64_t t = 0; t < 300; ++t) Feed(windowed, {&prompt, &answer}, {1, 1});
    }
}

// Also of what the whole row gives without a cache.
TEST_F(KvCacheTest, AgreesWithAPassOverTheRow) {
    const WindowedModel windowed("gemma2", {48, 0}, kLoads[0], context_);
    Example row;
    row.tokens = Tokens(1600);
    row.weights.assign(row.tokens.size(), 1);
    Batch batch;
    batch.Append(row);
    const size_t V = static_cast<size_t>(windowed.files->config.vocab_size);
    std::vector<float> expected(row.tokens.size() * V), logits(V);
    ASSERT_TRUE(windowed.model->Logits(context_, batch, expected.data()).ok());
    const auto cache = windowed.model->NewCache(1600);
    for (size_t at = 0, next = 1100; at < row.tokens.size(); at = next, next += 100) {
        ASSERT_TRUE(windowed.model
                        ->Decode(context_, {{row.tokens.begin() + at, row.tokens.begin() + next}},
                                 {cache.get()}, logits.data())
                        .ok());
        for (size_t i = 0; i < V; ++i)
            ASSERT_NEAR(logits[i], expected[(next - 1) * V + i], 1e-4) << next;
    }
}

TEST_F(KvCacheTest, BytesFollowTheWindows) {
    const auto bytes = [&](const std::string& name, const std::vector<int64_t>& windows,
                           int64_t capacity) {
        const WindowedModel windowed(name, windows, kLoads[1], context_);
        const size_t bytes = windowed.model->NewCache(capacity)->bytes();
        EXPECT_EQ(windowed.model->CacheBytes(capacity), bytes);
        return bytes;
    };
    const auto files = OpenModel(HONE_SOURCE_DIR "/tests/golden/models/gemma3").value();
    const auto row =
        static_cast<size_t>(2 * files->config.num_key_value_heads * files->config.head_dim) *
        sizeof(bf16);
    // A window, a piece of a prompt, and two times 64.
    const auto room = [](int64_t window) {
        return static_cast<size_t>(window + 128 + kPrefillTokens + kLastPromptTokens);
    };
    EXPECT_EQ(bytes("gemma3", {0}, 100000), 3 * 100000 * row);
    EXPECT_EQ(bytes("gemma3", {512, 512, 0}, 100000), (2 * room(512) + 100000) * row);
    EXPECT_EQ(bytes("gemma3", {64}, 100000), 3 * room(64) * row);
    EXPECT_EQ(bytes("gemma3", {64}, 1000), 3 * room(64) * row);
    EXPECT_EQ(bytes("gemma3", {64}, 700), 3 * 700 * row);
    EXPECT_EQ(bytes("gemma3", {64, 512, 2000}, 1000), (room(64) + 2 * 1000) * row);
}

}  // namespace
}  // namespace hone
