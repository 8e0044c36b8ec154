#include <gtest/gtest.h>

#include <cmath>

#include "base/files/testing.h"
#include "model/model.h"

namespace hone {
namespace {

class HiddenStatesTest : public testing::Test {
  protected:
    void SetUp() override {
        files_ = OpenModel(HONE_SOURCE_DIR "/tests/golden/models/tied").value();
        model_ = Model::Load(*files_, {.compute = ComputeType::kF32}, context_).value();
        TestRandom random(1);
        for (const size_t length : {5, 1, 12}) {
            std::vector<int32_t> text;
            for (size_t i = 0; i < length; ++i)
                text.push_back(
                    static_cast<int32_t>(random.Between(0, files_->config.vocab_size - 1)));
            texts_.push_back(text);
        }
    }
    std::vector<float> Hidden(const std::vector<std::vector<int32_t>>& texts) {
        Batch batch;
        for (const auto& text : texts)
            batch.Append({.tokens = text, .weights = std::vector<float>(text.size())});
        std::vector<float> hidden(static_cast<size_t>(batch.size() * files_->config.hidden_size));
        EXPECT_TRUE(model_->Hidden(context_, batch, hidden.data()).ok());
        return hidden;
    }

    Context context_{2};
    std::unique_ptr<ModelFiles> files_;
    std::unique_ptr<Model> model_;
    std::vector<std::vector<int32_t>> texts_;
};

// The head of this model is its embedding.
TEST_F(HiddenStatesTest, TheHeadMakesTheLogitsOfThem) {
    const int64_t C = files_->config.hidden_size, V = files_->config.vocab_size;
    const std::vector<float> head =
        ReadTensor(*files_->weights->Find("model.embed_tokens.weight")).value();
    const std::vector<float> hidden = Hidden({texts_[2]});
    Batch batch;
    batch.Append({.tokens = texts_[2], .weights = std::vector<float>(texts_[2].size())});
    std::vector<float> logits(static_cast<size_t>(batch.size() * V));
    ASSERT_TRUE(model_->Logits(context_, batch, logits.data()).ok());
    for (int64_t t = 0; t < batch.size(); ++t) {
        for (int64_t v = 0; v < V; ++v) {
            double sum = 0;
            for (int64_t c = 0; c < C; ++c)
                sum += static_cast<double>(hidden[t * C + c]) * head[v * C + c];
            ASSERT_NEAR(logits[t * V + v], sum, 1e-4 * (1 + std::abs(sum)));
        }
    }
}

TEST_F(HiddenStatesTest, ATextHasTheSameBitsAloneAndInABatch) {
    std::vector<float> alone;
    for (const auto& text : texts_) {
        const std::vector<float> hidden = Hidden({text});
        alone.insert(alone.end(), hidden.begin(), hidden.end());
    }
    EXPECT_EQ(alone, Hidden(texts_));
}

}  // namespace
}  // namespace hone
