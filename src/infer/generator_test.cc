#include "infer/generator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "chat/chat_files.h"

namespace hone {
namespace {

using testing::HasSubstr;

// A tiny Llama with random weights: what it says means nothing, but it is always the same.
class GeneratorTest : public testing::Test {
  protected:
    void SetUp() override {
        files_ = OpenModel(HONE_SOURCE_DIR "/tests/golden/models/tied").value();
        chat_ = OpenChat(*files_).value();
        LoadOptions options;
        options.compute = ComputeType::kF32;
        auto model = Model::Load(*files_, options, context_);
        ASSERT_TRUE(model.ok()) << model.status();
        model_ = *std::move(model);
    }

    Generator MakeGenerator() {
        return Generator(*model_, chat_->tokenizer, chat_->eos_ids, context_);
    }

    static GenerateRequest Request(std::vector<int32_t> prompt, int64_t max_new_tokens = 12) {
        GenerateRequest request;
        request.prompt = std::move(prompt);
        request.options.max_new_tokens = max_new_tokens;
        request.options.sampling.temperature = 0;
        request.options.ignore_eos = true;
        return request;
    }

    // Without a cache: the whole sequence again for each token.
    std::vector<int32_t> GreedyByHand(std::vector<int32_t> tokens, int64_t count) {
        const int64_t vocab_size = model_->config().vocab_size;
        const size_t begin = tokens.size();
        for (int64_t i = 0; i < count; ++i) {
            Batch batch;
            batch.Append({.tokens = tokens, .weights = std::vector<float>(tokens.size(), 1)});
            std::vector<float> logits(tokens.size() * static_cast<size_t>(vocab_size));
            EXPECT_TRUE(model_->Logits(context_, batch, logits.data()).ok());
            const auto last = logits.end() - vocab_size;
            tokens.push_back(static_cast<int32_t>(std::max_element(last, logits.end()) - last));
        }
        return {tokens.begin() + static_cast<int64_t>(begin), tokens.end()};
    }

    Context context_{2};
    std::unique_ptr<ModelFiles> files_;
    std::unique_ptr<ChatFiles> chat_;
    std::unique_ptr<Model> model_;
};

TEST_F(GeneratorTest, CachedDecodingEqualsTheWholePassHoweverSequencesAreBatched) {
    const std::vector<std::vector<int32_t>> prompts = {
        {5, 6, 7}, {9}, {3, 3, 4, 8, 10, 11, 12}, {20, 21}, {30}};
    std::vector<GenerateRequest> requests;
    for (size_t i = 0; i < prompts.size(); ++i) {
        requests.push_back(Request(prompts[i], 4 + static_cast<int64_t>(i)));
    }
    Generator generator = MakeGenerator();
    for (int64_t batch_size : {1, 2, 5}) {
        GenerateStats stats;
        auto results = generator.Generate(requests, batch_size, nullptr, &stats);
        ASSERT_TRUE(results.ok()) << results.status();
        int64_t new_tokens = 0;
        for (size_t i = 0; i < prompts.size(); ++i) {
            const GenerateResult& result = (*results)[i];
            EXPECT_EQ(result.tokens, GreedyByHand(prompts[i], 4 + static_cast<int64_t>(i)))
                << batch_size << " " << i;
            EXPECT_EQ(result.finish, FinishReason::kLength);
            EXPECT_EQ(result.prompt_tokens, static_cast<int64_t>(prompts[i].size()));
            new_tokens += static_cast<int64_t>(result.tokens.size());
        }
        EXPECT_EQ(stats.prompt_tokens, 14);
        EXPECT_EQ(stats.new_tokens, new_tokens);
        EXPECT_EQ(stats.decode_tokens, new_tokens - 5);
    }
}

// Logits of a prompt and of two more tokens of each sequence, decoded together.
std::vector<float> DecodedLogits(Model& model, const Context& context,
                                 const std::vector<std::vector<int32_t>>& prompts) {
    const size_t vocab_size = static_cast<size_t>(model.config().vocab_size);
    std::vector<std::unique_ptr<KvCache>> caches;
    std::vector<KvCache*> pointers;
    for (size_t i = 0; i < prompts.size(); ++i) {
        caches.push_back(model.NewCache(40));
        pointers.push_back(caches.back().get());
    }
    std::vector<float> all(prompts.size() * 3 * vocab_size), logits(prompts.size() * vocab_size);
    for (int32_t step = 0; step < 3; ++step) {
        const std::vector<std::vector<int32_t>> next(prompts.size(), {7 + step});
        EXPECT_TRUE(
            model.Decode(context, step == 0 ? prompts : next, pointers, logits.data()).ok());
        for (size_t i = 0; i < prompts.size(); ++i)
            std::copy_n(logits.begin() + static_cast<int64_t>(i * vocab_size), vocab_size,
                        all.begin() +
                            static_cast<int64_t>((i * 3 + static_cast<size_t>(step)) * vocab_size));
    }
    return all;
}

// Bit by bit, however the weights are held and whatever number of threads.
TEST_F(GeneratorTest, AStreamDoesNotDependOnItsNeighbours) {
    std::vector<std::vector<int32_t>> prompts = {
        {5, 6, 7}, {9}, {3, 3, 4, 8, 10, 11, 12}, {20, 21}};
    prompts.push_back(std::vector<int32_t>(30, 13));
    const Context one(1);
    for (LoadOptions options :
         {LoadOptions{.compute = ComputeType::kBF16}, LoadOptions{.storage = WeightStorage::kInt8},
          LoadOptions{.storage = WeightStorage::kInt4},
          LoadOptions{.compute = ComputeType::kF32, .storage = WeightStorage::kInt4}}) {
        SCOPED_TRACE(testing::Message() << "compute " << static_cast<int>(options.compute)
                                        << ", storage " << static_cast<int>(options.storage));
        auto model = Model::Load(*files_, options, context_).value();
        const std::vector<float> together = DecodedLogits(*model, context_, prompts);
        EXPECT_EQ(DecodedLogits(*model, one, prompts), together);
        const size_t each = together.size() / prompts.size();
        for (size_t i = 0; i < prompts.size(); ++i) {
            const auto begin = together.begin() + static_cast<int64_t>(i * each);
            EXPECT_EQ(DecodedLogits(*model, context_, {prompts[i]}),
                      std::vector<float>(begin, begin + static_cast<int64_t>(each)))
                << "sequence " << i;
        }
    }
}

TEST_F(GeneratorTest, EndsAtStopTokensAndStopStrings) {
    Generator generator = MakeGenerator();
    const auto whole = generator.Generate({Request({5, 6, 7})}, 1).value().front();
    GenerateRequest by_token = Request({5, 6, 7});
    by_token.options.ignore_eos = false;
    Generator ends(*model_, chat_->tokenizer, {whole.tokens[3]}, context_);
    const auto stopped = ends.Generate({by_token}, 1).value().front();
    const size_t first =
        static_cast<size_t>(std::find(whole.tokens.begin(), whole.tokens.end(), whole.tokens[3]) -
                            whole.tokens.begin());
    EXPECT_EQ(stopped.finish, FinishReason::kStop);
    EXPECT_EQ(stopped.tokens.size(), first + 1);
    EXPECT_TRUE(whole.text.starts_with(stopped.text));

    ASSERT_GT(whole.text.size(), 4u);
    GenerateRequest by_string = Request({5, 6, 7});
    by_string.options.stop = {whole.text.substr(whole.text.size() / 2, 3)};
    const auto cut = generator.Generate({by_string}, 1).value().front();
    EXPECT_EQ(cut.finish, FinishReason::kStop);
    EXPECT_EQ(cut.text, whole.text.substr(0, whole.text.find(by_string.options.stop[0])));
}

TEST_F(GeneratorTest, StreamsExactlyTheText) {
    Generator generator = MakeGenerator();
    std::vector<std::string> streamed(2);
    auto results = generator.Generate({Request({5, 6}), Request({7})}, 2,
                                      [&](size_t request, std::string_view text) {
                                          streamed[request] += text;
                                          return true;
                                      });
    ASSERT_TRUE(results.ok()) << results.status();
    for (size_t i = 0; i < 2; ++i) EXPECT_EQ(streamed[i], (*results)[i].text);
}

TEST_F(GeneratorTest, TheCallbackCancels) {
    Generator generator = MakeGenerator();
    int calls = 0;
    auto results = generator.Generate({Request({5, 6}), Request({7})}, 1,
                                      [&](size_t, std::string_view) { return ++calls < 3; });
    ASSERT_TRUE(results.ok()) << results.status();
    EXPECT_EQ((*results)[0].finish, FinishReason::kCancelled);
    EXPECT_EQ((*results)[0].tokens.size(), 3u);
    EXPECT_EQ((*results)[1].finish, FinishReason::kCancelled);
    EXPECT_TRUE((*results)[1].tokens.empty());
}

TEST_F(GeneratorTest, SeedsDecideAndThreadsDoNot) {
    const auto draw = [&](int threads, uint64_t seed) {
        const Context context(threads);
        Generator generator(*model_, chat_->tokenizer, chat_->eos_ids, context);
        GenerateRequest request = Request({5, 6}, 20);
        request.options.sampling.temperature = 1.5;
        request.options.sampling.seed = seed;
        return generator.Generate({request, request}, 2).value()[1].tokens;
    };
    EXPECT_EQ(draw(1, 1), draw(2, 1));
    EXPECT_NE(draw(1, 1), draw(1, 2));
}

TEST_F(GeneratorTest, RefusesPromptsThatCannotBeAnswered) {
    Generator generator = MakeGenerator();
    const int64_t limit = model_->config().max_position_embeddings;
    const auto error = [&](std::vector<int32_t> prompt) {
        const absl::Status status =
            generator.Generate({Request({1}), Request(std::move(prompt))}, 1).status();
        EXPECT_FALSE(status.ok());
        return std::string(status.message());
    };
    EXPECT_THAT(error({}), HasSubstr("prompt 2: the prompt is empty"));
    EXPECT_THAT(error(std::vector<int32_t>(static_cast<size_t>(limit), 5)),
                HasSubstr("context of"));
    EXPECT_THAT(error({static_cast<int32_t>(model_->config().vocab_size)}),
                HasSubstr("do not belong together"));
    // One token less leaves room for one new token.
    auto results = generator.Generate(
        {Request(std::vector<int32_t>(static_cast<size_t>(limit - 1), 5), 5)}, 1);
    ASSERT_TRUE(results.ok()) << results.status();
    EXPECT_EQ((*results)[0].tokens.size(), 1u);
    EXPECT_EQ((*results)[0].finish, FinishReason::kLength);
}

}  // namespace
}  // namespace hone
