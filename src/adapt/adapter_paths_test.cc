// An adapter reaches every linear layer that it names, whichever way a model is gone through:
// beside the base and as a part of it, however the base is held.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "adapt/base_adapter.h"
#include "base/files/test_files.h"
#include "tensor/batch.h"

namespace hone {
namespace {

struct Path {
    std::string name;
    LoadOptions options;
};

// One linear layer of the network, alone in an adapter.
class AdapterPaths : public testing::TestWithParam<std::tuple<Path, std::string>> {
  protected:
    void SetUp() override {
        files_ = OpenModel(HONE_SOURCE_DIR "/tests/golden/models/tied").value();
        config_.r = 4;
        config_.target_modules = {std::get<1>(GetParam())};
        auto model = Load();
        ASSERT_TRUE(ApplyLora(*model, config_, 7, context_).ok());
        float value = 0.01f;
        for (float& parameter : model->parameters().values())
            if (parameter == 0) parameter = value = 0.03f - 0.9f * value;
        ASSERT_TRUE(SaveAdapter(*model, config_, folder_.path()).ok());
        for (int64_t length : {9, 2, 1, 30}) {
            Example example;
            for (int64_t i = 0; i < length; ++i)
                example.tokens.push_back(static_cast<int32_t>(3 + (length + 7 * i) % 300));
            example.weights.assign(example.tokens.size(), 1.0f);
            examples_.push_back(example);
        }
    }

    const LoadOptions& options() const { return std::get<0>(GetParam()).options; }
    std::unique_ptr<Model> Load() { return Model::Load(*files_, options(), context_).value(); }
    // The adapter as a part of the model.
    std::unique_ptr<Model> LoadWhole() {
        auto model = Load();
        EXPECT_TRUE(LoadAdapter(*model, folder_.path(), context_).ok());
        return model;
    }
    Batch Pack(const std::vector<Example>& examples) {
        Batch batch;
        for (const Example& example : examples) batch.Append(example);
        return batch;
    }
    std::vector<float> Logits(Model& model, const Batch& batch,
                              const std::vector<const Adapter*>& adapters = {}) {
        std::vector<float> logits(static_cast<size_t>(batch.size() * model.config().vocab_size));
        EXPECT_TRUE(model.Logits(context_, batch, logits.data(), adapters).ok());
        return logits;
    }
    // Of the last token of each prompt and of one more token, from caches.
    std::vector<std::vector<float>> Decode(Model& model, const std::vector<Example>& examples,
                                           const std::vector<const Adapter*>& adapters = {}) {
        const size_t vocab_size = static_cast<size_t>(model.config().vocab_size);
        std::vector<std::unique_ptr<KvCache>> caches;
        std::vector<KvCache*> pointers;
        std::vector<std::vector<int32_t>> tokens;
        for (const Example& example : examples) {
            tokens.push_back(example.tokens);
            caches.push_back(model.NewCache(40));
            pointers.push_back(caches.back().get());
        }
        std::vector<std::vector<float>> all(examples.size());
        std::vector<float> logits(examples.size() * vocab_size);
        for (int step = 0; step < 2; ++step) {
            EXPECT_TRUE(model.Decode(context_, tokens, pointers, logits.data(), adapters).ok());
            for (size_t i = 0; i < examples.size(); ++i) {
                const auto begin = logits.begin() + static_cast<int64_t>(i * vocab_size);
                all[i].insert(all[i].end(), begin, begin + static_cast<int64_t>(vocab_size));
                tokens[i] = {5};
            }
        }
        return all;
    }
    // All gradients of one pass.
    std::vector<float> Gradients(bool checkpointing) {
        auto model = LoadWhole();
        const Batch batch = Pack(examples_);
        EXPECT_TRUE(model->PrepareTraining(batch.size(), checkpointing).ok());
        model->parameters().ClearGradients();
        EXPECT_TRUE(model->ForwardBackward(context_, batch, 1, 0).ok());
        const auto gradients = model->parameters().gradients();
        return {gradients.begin(), gradients.end()};
    }

    Context context_{2};
    TestFolder folder_;
    std::unique_ptr<ModelFiles> files_;
    LoraConfig config_;
    std::vector<Example> examples_;
};

// Documents 1 and 3 go through the adapter, the others through the base alone.
TEST_P(AdapterPaths, LogitsAndLossesOfDocuments) {
    auto base = Load(), whole = LoadWhole();
    const auto adapter = OpenAdapter(*base, folder_.path()).value();
    const std::vector<const Adapter*> adapters = {nullptr, adapter.get(), nullptr, adapter.get()};
    const Batch batch = Pack(examples_);
    const std::vector<float> with = Logits(*base, batch, adapters);
    const std::vector<float> of_base = Logits(*base, batch), of_whole = Logits(*whole, batch);
    std::vector<LossSums> losses, base_losses, whole_losses;
    ASSERT_TRUE(base->Evaluate(context_, batch, &losses, adapters).ok());
    ASSERT_TRUE(base->Evaluate(context_, batch, &base_losses).ok());
    ASSERT_TRUE(whole->Evaluate(context_, batch, &whole_losses).ok());
    const int64_t vocab_size = base->config().vocab_size;
    for (size_t d = 0; d < adapters.size(); ++d) {
        const auto rows = [&](const std::vector<float>& logits) {
            const auto begin = logits.begin() + batch.document_starts[d] * vocab_size;
            return std::vector<float>(begin,
                                      logits.begin() + batch.document_starts[d + 1] * vocab_size);
        };
        const bool adapted = adapters[d] != nullptr;
        EXPECT_EQ(rows(with), rows(adapted ? of_whole : of_base)) << "document " << d;
        EXPECT_EQ(losses[d].loss, (adapted ? whole_losses : base_losses)[d].loss);
        if (adapted) {
            EXPECT_NE(rows(with), rows(of_base)) << "document " << d;
        }
    }
    EXPECT_NE(losses[3].loss, base_losses[3].loss);
}

TEST_P(AdapterPaths, PromptsAndTheTokensAfterThem) {
    auto base = Load(), whole = LoadWhole();
    const auto adapter = OpenAdapter(*base, folder_.path()).value();
    const std::vector<const Adapter*> adapters = {nullptr, adapter.get(), nullptr, adapter.get()};
    const auto with = Decode(*base, examples_, adapters);
    const auto of_base = Decode(*base, examples_), of_whole = Decode(*whole, examples_);
    for (size_t i = 0; i < adapters.size(); ++i) {
        EXPECT_EQ(with[i], (adapters[i] != nullptr ? of_whole : of_base)[i]) << "sequence " << i;
        if (adapters[i] != nullptr) {
            EXPECT_NE(with[i], of_base[i]) << "sequence " << i;
        }
    }
}

class AdapterGradients : public AdapterPaths {};

TEST_P(AdapterGradients, WithAndWithoutCheckpoints) {
    const std::vector<float> gradients = Gradients(false);
    EXPECT_EQ(Gradients(true), gradients);
    const auto zeros = std::count(gradients.begin(), gradients.end(), 0.0f);
    EXPECT_LT(zeros, static_cast<int64_t>(gradients.size() / 10));
    EXPECT_TRUE(std::all_of(gradients.begin(), gradients.end(),
                            [](float value) { return std::isfinite(value); }));
}

const Path kTrained[] = {{"f32", {.compute = ComputeType::kF32}},
                         {"bf16", {}},
                         {"nf4", {.storage = WeightStorage::kNf4}},
                         {"int8_channels", {.storage = WeightStorage::kInt8Channels}}};
const Path kInference[] = {
    {"int8", {.storage = WeightStorage::kInt8}},
    {"int4", {.storage = WeightStorage::kInt4}},
    {"int4_in_f32", {.compute = ComputeType::kF32, .storage = WeightStorage::kInt4}}};
const auto kLayers = testing::Values("q_proj", "o_proj", "up_proj", "down_proj", "lm_head");

std::string NameOf(const testing::TestParamInfo<std::tuple<Path, std::string>>& info) {
    return std::get<0>(info.param).name + "_" + std::get<1>(info.param);
}

INSTANTIATE_TEST_SUITE_P(Trained, AdapterPaths,
                         testing::Combine(testing::ValuesIn(kTrained), kLayers), NameOf);
INSTANTIATE_TEST_SUITE_P(Inference, AdapterPaths,
                         testing::Combine(testing::ValuesIn(kInference), kLayers), NameOf);
INSTANTIATE_TEST_SUITE_P(Trained, AdapterGradients,
                         testing::Combine(testing::ValuesIn(kTrained), kLayers), NameOf);

}  // namespace
}  // namespace hone
