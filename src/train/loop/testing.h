// For tests: rows of tokens, and a learner without a model.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "adapt/adapter_weights.h"
#include "base/files/hash.h"
#include "data/load/dataset.h"
#include "data/load/token_store.h"
#include "train/loop/learner.h"

namespace hone {

inline std::shared_ptr<const Dataset> MakeRows(int64_t rows, int64_t length, int32_t first = 0) {
    auto store = std::make_shared<TokenStore>(int64_t{1} << 30, "");
    store->files = {"rows.jsonl"};
    std::vector<int64_t> indices;
    for (int64_t row = 0; row < rows; ++row) {
        Example example;
        for (int64_t i = 0; i < length; ++i)
            example.tokens.push_back(first + static_cast<int32_t>((row * 7 + i * 3) % 11));
        example.weights.assign(static_cast<size_t>(length), 1.0f);
        indices.push_back(store->Append(example, 0, row + 1).value());
    }
    EXPECT_TRUE(store->Finish().ok());
    return std::make_shared<Dataset>(store, indices);
}

// Eight numbers, pulled towards values that the targets name: loss = sum of weight * (w[t % 8] - t
// / 10)^2. Its "dropout" is a small push that depends on the seed, so that a wrong seed shows.
class FakeLearner : public Learner {
  public:
    FakeLearner() {
        parameters_.Add("a.lora_A.weight", {2, 2}, true);
        parameters_.Add("norm.weight", {4}, false);
        parameters_.Allocate();
        for (int i = 0; i < 8; ++i) parameters_.values()[i] = static_cast<float>(i) * 0.25f;
    }
    ParameterSet& parameters() override { return parameters_; }
    absl::StatusOr<LossSums> ForwardBackward(const Batch& batch, float loss_scale,
                                             uint64_t dropout_seed) override {
        ++passes;
        if (on_pass) on_pass(passes);
        if (passes == nan_at) return LossSums{std::nan(""), 1, 1, 0};
        if (passes == infinite_gradient_at) parameters_.gradients()[5] = INFINITY;
        if (zero_gradients) return LossSums{1, 1, 1, 0};
        auto push = static_cast<float>(StableHash("push", dropout_seed) % 1000) * push_size;
        for (int i = 0; i < 8; ++i) parameters_.gradients()[i] += push;
        return Pass(batch, loss_scale);
    }
    absl::StatusOr<LossSums> Evaluate(const Batch& batch, std::vector<LossSums>*) override {
        if (on_evaluate) on_evaluate();
        if (!eval_losses.empty()) {
            const double loss = eval_losses.front();
            eval_losses.erase(eval_losses.begin());
            return LossSums{loss, 1, 1, 1};
        }
        return Pass(batch, 0);
    }
    void ParametersChanged() override { ++changes; }
    absl::Status Save(const std::string& folder) override {
        return WriteAdapterWeights(parameters_, folder + "/adapter_model.safetensors");
    }
    absl::Status Restore(const std::string& folder) override {
        return ReadAdapterWeights(folder + "/adapter_model.safetensors", parameters_);
    }
    std::vector<float> Values() {
        return {parameters_.values().begin(), parameters_.values().end()};
    }

    int64_t passes = 0, changes = 0;
    int64_t nan_at = 0, infinite_gradient_at = 0;  // number of the pass
    bool zero_gradients = false;
    float push_size = 1e-5f;  // 0: no dropout
    std::function<void(int64_t)> on_pass;
    std::function<void()> on_evaluate;
    std::vector<double> eval_losses;  // given out one per evaluated batch

  private:
    LossSums Pass(const Batch& batch, float loss_scale) {
        LossSums sums;
        for (int64_t i = 0; i < batch.size(); ++i) {
            if (batch.target_weights[i] == 0) continue;
            const int target = batch.targets[i], index = target % 8;
            const float miss = parameters_.values()[index] - static_cast<float>(target) * 0.1f;
            sums.loss += static_cast<double>(batch.target_weights[i]) * miss * miss;
            sums.weight += batch.target_weights[i];
            ++sums.labelled;
            sums.correct += std::fabs(miss) < 0.05f;
            if (loss_scale != 0)
                parameters_.gradients()[index] += loss_scale * batch.target_weights[i] * 2 * miss;
        }
        return sums;
    }
    ParameterSet parameters_;
};

}  // namespace hone
