#include "eval/evaluate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>

#include "base/files/testing.h"
#include "chat/chat_files.h"

namespace hone {
namespace {

// A tiny Llama with random weights, and a few rows of text.
class EvaluateTest : public testing::Test {
  protected:
    void SetUp() override {
        auto files = OpenModel(HONE_SOURCE_DIR "/tests/golden/models/tied");
        ASSERT_TRUE(files.ok()) << files.status();
        files_ = *std::move(files);
        LoadOptions options;
        options.compute = ComputeType::kF32;
        auto model = Model::Load(*files_, options, context_);
        ASSERT_TRUE(model.ok()) << model.status();
        model_ = *std::move(model);
        const std::string path =
            folder_.Write("rows.jsonl",
                          "{\"prompt\": \"one \", \"completion\": \"and two\"}\n"
                          "{\"prompt\": \"a longer question about \", \"completion\": \"x\"}\n"
                          "{\"prompt\": \"3\", \"completion\": \" is the number after two\"}\n");
        auto encoder = OpenChat(*files_).value()->MakeEncoder();
        ASSERT_TRUE(encoder.ok()) << encoder.status();
        DataOptions data;
        data.data_name = path;
        auto loaded = LoadEvaluationData(data, *encoder, context_);
        ASSERT_TRUE(loaded.ok()) << loaded.status();
        dataset_ = loaded->eval;
        ASSERT_EQ(dataset_->size(), 3);
    }

    // From the whole logits, in double.
    LossSums ByHand(const Example& example) {
        const int64_t vocab_size = model_->config().vocab_size;
        Batch batch;
        batch.Append(example);
        std::vector<float> logits(batch.tokens.size() * static_cast<size_t>(vocab_size));
        EXPECT_TRUE(model_->Logits(context_, batch, logits.data()).ok());
        LossSums sums;
        for (size_t t = 0; t < batch.tokens.size(); ++t) {
            if (batch.target_weights[t] == 0) continue;
            const float* row = logits.data() + t * static_cast<size_t>(vocab_size);
            double total = 0;
            bool first = true;
            for (int64_t v = 0; v < vocab_size; ++v) {
                total += std::exp(static_cast<double>(row[v]));
                first &= row[v] <= row[batch.targets[t]];
            }
            sums.loss += batch.target_weights[t] * (std::log(total) - row[batch.targets[t]]);
            sums.weight += batch.target_weights[t];
            sums.labelled += 1;
            sums.correct += first;
        }
        return sums;
    }

    Context context_{2};
    std::unique_ptr<ModelFiles> files_;
    std::unique_ptr<Model> model_;
    const TestFolder folder_;
    std::shared_ptr<const Dataset> dataset_;
};

TEST_F(EvaluateTest, LossIsTheMeanOverTheLabelledTokensHoweverTheyAreBatched) {
    LossSums total;
    for (int64_t row = 0; row < dataset_->size(); ++row) total += ByHand(dataset_->Get(row));
    for (int64_t max_tokens : {1, 20, 1000}) {
        EvaluateOptions options;
        options.max_rows = max_tokens == 1000 ? 2 : 8;
        options.max_tokens = max_tokens;
        options.per_row = true;
        auto result = Evaluate(*model_, dataset_, options, context_);
        ASSERT_TRUE(result.ok()) << result.status();
        EXPECT_NEAR(result->loss, total.loss / total.weight, 1e-4);
        EXPECT_NEAR(result->perplexity, std::exp(total.loss / total.weight), 1e-2);
        EXPECT_EQ(result->tokens, total.labelled);
        EXPECT_NEAR(result->token_accuracy,
                    static_cast<double>(total.correct) / static_cast<double>(total.labelled), 1e-9);
        EXPECT_EQ(result->num_rows, 3);
        EXPECT_EQ(result->input_tokens, dataset_->total_tokens());
        ASSERT_EQ(result->rows.size(), 3u);
        for (int64_t row = 0; row < 3; ++row) {
            const LossSums sums = ByHand(dataset_->Get(row));
            EXPECT_EQ(result->rows[row].row, row);
            EXPECT_EQ(result->rows[row].place.line, row + 1);
            EXPECT_EQ(result->rows[row].tokens, sums.labelled);
            EXPECT_NEAR(result->rows[row].loss, sums.loss / sums.weight, 1e-4);
        }
    }
}

TEST_F(EvaluateTest, JsonHasRowsOnlyWhenAsked) {
    EvaluateOptions options;
    const auto without = ToJson(Evaluate(*model_, dataset_, options, context_).value());
    EXPECT_FALSE(without.contains("rows"));
    for (const char* name : {"loss", "perplexity", "tokens", "token_accuracy"})
        EXPECT_TRUE(without.contains(name));
    options.per_row = true;
    const auto with = ToJson(Evaluate(*model_, dataset_, options, context_).value());
    ASSERT_EQ(with["rows"].size(), 3u);
    EXPECT_EQ(with["rows"][2]["row"], 2);
    EXPECT_EQ(with["rows"][2]["line"], 3);
    EXPECT_EQ(with["loss"], without["loss"]);
}

TEST_F(EvaluateTest, ProgressReachesTheEndAndCanStop) {
    EvaluateOptions options;
    options.max_tokens = 1;
    std::vector<double> shares;
    options.progress = [&](double share) {
        shares.push_back(share);
        return true;
    };
    ASSERT_TRUE(Evaluate(*model_, dataset_, options, context_).ok());
    ASSERT_EQ(shares.size(), 3u);
    EXPECT_DOUBLE_EQ(shares.back(), 1);
    options.progress = [](double) { return false; };
    EXPECT_EQ(KindOf(Evaluate(*model_, dataset_, options, context_).status()),
              ErrorKind::kInterrupted);
}

}  // namespace
}  // namespace hone
