// Several adapters beside one base in one batch.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "adapt/base_adapter.h"
#include "base/files/test_files.h"
#include "chat/chat_files.h"
#include "infer/generator.h"

namespace hone {
namespace {

using testing::HasSubstr;

constexpr char kBase[] = HONE_SOURCE_DIR "/tests/golden/models/tied";
constexpr char kGolden[] = HONE_SOURCE_DIR "/tests/golden/adapters/";

class AdaptersTest : public testing::Test {
  protected:
    void SetUp() override {
        files_ = OpenModel(kBase).value();
        lora_ = std::string(kGolden) + "tied-lora";
        // An odd rank, another scale, some layers alone, and the head.
        LoraConfig config;
        config.r = 3;
        config.use_rslora = true;
        config.target_modules = {"lm_head", "q_proj", "layers.1.mlp.down_proj"};
        head_ = Save("head", config);
        config.r = 6;
        config.target_modules = {"k_proj", "o_proj", "gate_proj"};
        other_ = Save("other", config);
    }

    std::unique_ptr<Model> LoadBase(const LoadOptions& options) {
        return Model::Load(*files_, options, context_).value();
    }

    // An adapter with numbers everywhere, in a folder.
    std::string Save(const std::string& name, const LoraConfig& config) {
        auto model = LoadBase({.compute = ComputeType::kF32});
        EXPECT_TRUE(ApplyLora(*model, config, 7, context_).ok());
        float value = 0.01f;
        for (float& parameter : model->parameters().values())
            if (parameter == 0) parameter = value = 0.03f - 0.9f * value;
        EXPECT_TRUE(SaveAdapter(*model, config, folder_ / name).ok());
        return folder_ / name;
    }

    // Logits of each prompt's last token and of two more tokens, all sequences together.
    std::vector<std::vector<float>> Decode(Model& model,
                                           const std::vector<std::vector<int32_t>>& prompts,
                                           const std::vector<const Adapter*>& adapters) {
        const size_t vocab_size = static_cast<size_t>(model.config().vocab_size);
        std::vector<std::unique_ptr<KvCache>> caches;
        std::vector<KvCache*> pointers;
        for (size_t i = 0; i < prompts.size(); ++i) {
            caches.push_back(model.NewCache(600));
            pointers.push_back(caches.back().get());
        }
        std::vector<std::vector<float>> all(prompts.size());
        std::vector<float> logits(prompts.size() * vocab_size);
        for (int32_t step = 0; step < 3; ++step) {
            const std::vector<std::vector<int32_t>> next(prompts.size(), {7 + step});
            EXPECT_TRUE(
                model
                    .Decode(context_, step == 0 ? prompts : next, pointers, logits.data(), adapters)
                    .ok());
            for (size_t i = 0; i < prompts.size(); ++i) {
                const auto begin = logits.begin() + static_cast<int64_t>(i * vocab_size);
                all[i].insert(all[i].end(), begin, begin + static_cast<int64_t>(vocab_size));
            }
        }
        return all;
    }

    Context context_{2};
    TestFolder folder_;
    std::unique_ptr<ModelFiles> files_;
    std::string lora_, head_, other_;
};

// Bit by bit what the sequence gets alone, from a model that the adapter is part of.
TEST_F(AdaptersTest, EachSequenceHasItsOwn) {
    std::vector<std::vector<int32_t>> prompts = {{5, 6, 7}, {9}, {3, 3, 4, 8}, {20, 21}, {30}, {5}};
    prompts.push_back(std::vector<int32_t>(400, 13));
    const std::vector<std::string> folders = {lora_, "", head_, other_, other_, lora_, head_};
    for (LoadOptions options :
         {LoadOptions{.compute = ComputeType::kF32}, LoadOptions{.compute = ComputeType::kBF16},
          LoadOptions{.storage = WeightStorage::kInt8},
          LoadOptions{.compute = ComputeType::kF32, .storage = WeightStorage::kInt4}}) {
        SCOPED_TRACE(testing::Message() << "compute " << static_cast<int>(options.compute)
                                        << ", storage " << static_cast<int>(options.storage));
        auto model = LoadBase(options);
        std::map<std::string, std::shared_ptr<const Adapter>> opened;
        std::vector<const Adapter*> adapters;
        for (const std::string& folder : folders) {
            if (!folder.empty() && !opened.contains(folder))
                opened[folder] = OpenAdapter(*model, folder).value();
            adapters.push_back(opened[folder].get());
        }
        const auto together = Decode(*model, prompts, adapters);
        for (size_t i = 0; i < prompts.size(); ++i) {
            auto alone = LoadBase(options);
            if (!folders[i].empty()) {
                ASSERT_TRUE(LoadAdapter(*alone, folders[i], context_).ok());
            }
            EXPECT_EQ(Decode(*alone, {prompts[i]}, {})[0], together[i]) << "sequence " << i;
        }
        EXPECT_NE(together[3], Decode(*model, prompts, {})[3]);
    }
}

TEST_F(AdaptersTest, RequestsNameThem) {
    auto model = LoadBase({.compute = ComputeType::kBF16});
    Generator generator(*model, OpenChat(*files_).value()->tokenizer, {}, context_);
    ASSERT_TRUE(generator.AddAdapter("lora", OpenAdapter(*model, lora_).value()).ok());
    ASSERT_TRUE(generator.AddAdapter("other", OpenAdapter(*model, other_).value()).ok());
    std::vector<GenerateRequest> requests(5);
    const char* names[] = {"other", "", "lora", "other", ""};
    for (size_t i = 0; i < requests.size(); ++i) {
        requests[i].prompt = {static_cast<int32_t>(5 + i), 6, 7};
        requests[i].adapter = names[i];
        requests[i].options.max_new_tokens = 9;
        requests[i].options.ignore_eos = true;
        requests[i].options.sampling.temperature = 0;
    }
    const auto together = generator.Generate(requests, 3).value();
    for (size_t i = 0; i < requests.size(); ++i)
        EXPECT_EQ(generator.Generate({requests[i]}, 1).value()[0].tokens, together[i].tokens);
    // Without its adapter, a prompt of the same tokens is answered otherwise.
    GenerateRequest base = requests[0];
    base.adapter.clear();
    EXPECT_NE(generator.Generate({base}, 1).value()[0].tokens, together[0].tokens);

    const auto message = [&] {
        const absl::Status status = generator.Generate({requests[2]}, 1).status();
        EXPECT_EQ(KindOf(status), ErrorKind::kUsage);
        return std::string(status.message());
    };
    ASSERT_TRUE(generator.RemoveAdapter("lora").ok());
    EXPECT_THAT(message(), HasSubstr("there is no adapter \"lora\"; there are other"));
    ASSERT_TRUE(generator.AddAdapter("lora", OpenAdapter(*model, other_).value()).ok());
    EXPECT_TRUE(generator.Generate({requests[2]}, 1).ok());
    EXPECT_FALSE(generator.AddAdapter("lora", OpenAdapter(*model, lora_).value()).ok());
    EXPECT_FALSE(generator.AddAdapter("", OpenAdapter(*model, lora_).value()).ok());
    EXPECT_FALSE(generator.RemoveAdapter("none").ok());
}

TEST_F(AdaptersTest, WhatCannotStandBesideTheBaseIsRefused) {
    auto model = LoadBase({});
    const auto message = [&](const std::string& folder) {
        const absl::Status status = OpenAdapter(*model, folder).status();
        EXPECT_FALSE(status.ok());
        return std::string(status.message());
    };
    EXPECT_THAT(message(std::string(kGolden) + "tied-head"), HasSubstr("its own lm_head"));
    EXPECT_THAT(message(std::string(kGolden) + "llama3-rslora"), HasSubstr("another base model"));
    EXPECT_THAT(message(kBase), HasSubstr("adapter_config.json"));
    ASSERT_TRUE(LoadAdapter(*model, lora_, context_).ok());
    EXPECT_THAT(message(lora_), HasSubstr("part of the model already"));
}

TEST_F(AdaptersTest, DeltasMustFit) {
    auto model = LoadBase({});
    const LinearInfo& linear = model->linears()[1];
    const std::vector<float> a(static_cast<size_t>(2 * linear.in)),
        b(static_cast<size_t>(2 * linear.out));
    LowRankDelta delta{.linear = linear.name, .options = {.rank = 2}, .a = a, .b = b};
    const auto message = [&](const std::vector<LowRankDelta>& deltas) {
        const auto made = model->MakeAdapter(deltas);
        return made.ok() ? "" : std::string(made.status().message());
    };
    EXPECT_EQ(message({delta}), "");
    EXPECT_THAT(message({delta, delta}), HasSubstr("two deltas"));
    delta.options.rank = 1;
    EXPECT_THAT(message({delta}), HasSubstr("does not fit"));
    delta = {.linear = "no.such", .options = {.rank = 2}, .a = a, .b = b};
    EXPECT_THAT(message({delta}), HasSubstr("no linear layer no.such"));
}

}  // namespace
}  // namespace hone
