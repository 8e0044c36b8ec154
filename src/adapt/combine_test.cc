#include "adapt/combine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <map>
#include <numeric>

#include "adapt/adapter_config.h"
#include "adapt/targets.h"
#include "base/files/file.h"
#include "base/files/testing.h"
#include "model/weights/weights.h"

namespace hone {
namespace {

using ::testing::HasSubstr;

constexpr char kLinear[] = "model.layers.0.self_attn.q_proj",
               kOther[] = "model.layers.1.mlp.up_proj";
constexpr int64_t kIn = 13, kOut = 11;

class Combine : public testing::Test {
  protected:
    // An adapter with random numbers on these layers.
    std::string Make(const std::string& name, const LoraConfig& config,
                     const std::vector<std::string>& linears) {
        const std::string folder = folder_ / name;
        EXPECT_TRUE(MakeDirectories(folder).ok());
        std::vector<std::vector<float>> values;
        std::vector<TensorToWrite> tensors;
        for (const std::string& linear : linears) {
            const int64_t rank = LowRankFor(config, linear)->rank;
            for (const auto& [ending, shape] :
                 {std::pair(".lora_A.weight", std::vector<int64_t>{rank, kIn}),
                  std::pair(".lora_B.weight", std::vector<int64_t>{kOut, rank})}) {
                auto& numbers = values.emplace_back(static_cast<size_t>(shape[0] * shape[1]));
                for (float& number : numbers) number = random_.Normal();
                tensors.push_back({"base_model.model." + linear + ending, shape});
            }
        }
        for (size_t i = 0; i < tensors.size(); ++i) tensors[i].values = values[i];
        EXPECT_TRUE(WriteSafetensors(folder + "/adapter_model.safetensors", tensors, {}).ok());
        EXPECT_TRUE(
            WriteFileAtomic(folder + "/adapter_config.json", AdapterConfigText(config)).ok());
        return folder;
    }
    static LoraConfig Config(int64_t r, double alpha) {
        LoraConfig config;
        config.r = r;
        config.lora_alpha = alpha;
        config.target_modules = {"q_proj", "up_proj"};
        config.base_model_name_or_path = "base";
        return config;
    }
    // scale * B A of each layer, as double.
    static std::map<std::string, std::vector<double>> Deltas(const std::string& folder) {
        const LoraConfig config = ReadAdapterConfig(folder).value();
        const auto file = OpenWeights(folder + "/adapter_model.safetensors").value();
        std::map<std::string, std::vector<double>> deltas;
        for (const std::string linear : {kLinear, kOther}) {
            const StoredTensor* a = file->Find("base_model.model." + linear + ".lora_A.weight");
            const StoredTensor* b = file->Find("base_model.model." + linear + ".lora_B.weight");
            if (a == nullptr) continue;
            const LowRankOptions options = LowRankFor(config, linear).value();
            const auto down = ReadTensor(*a).value(), up = ReadTensor(*b).value();
            auto& delta = deltas[linear];
            delta.resize(kOut * kIn);
            for (int64_t o = 0; o < kOut; ++o)
                for (int64_t i = 0; i < kIn; ++i)
                    for (int64_t r = 0; r < options.rank; ++r)
                        delta[o * kIn + i] +=
                            double{options.scale} * up[o * options.rank + r] * down[r * kIn + i];
        }
        return deltas;
    }
    // The weighted sum of the folders' deltas.
    static std::map<std::string, std::vector<double>> Sum(const CombineOptions& options) {
        std::map<std::string, std::vector<double>> sum;
        for (size_t f = 0; f < options.folders.size(); ++f)
            for (const auto& [name, delta] : Deltas(options.folders[f])) {
                auto& into = sum[name];
                into.resize(delta.size());
                for (size_t i = 0; i < delta.size(); ++i) into[i] += options.weights[f] * delta[i];
            }
        return sum;
    }
    static double Distance(const std::vector<double>& a, const std::vector<double>& b) {
        double sum = 0;
        for (size_t i = 0; i < a.size(); ++i) sum += (a[i] - b[i]) * (a[i] - b[i]);
        return std::sqrt(sum);
    }
    std::string Error(const CombineOptions& options) {
        const auto combined = CombineAdapters(options, folder_ / "mixed");
        EXPECT_EQ(KindOf(combined.status()), ErrorKind::kUsage) << combined.status();
        EXPECT_FALSE(std::filesystem::exists(folder_ / "mixed"));
        return std::string(combined.status().message());
    }

    TestRandom random_{7};
    TestFolder folder_;
};

// Of different ranks and scales, with patterns and rsLoRA, and a layer that one of them lacks: cat
// is the sum, and so is svd with all of its rank.
TEST_F(Combine, CatIsTheSumAndSvdTooWhereTheRankSuffices) {
    LoraConfig second = Config(5, 3);
    second.use_rslora = true;
    second.rank_pattern = {{".*up_proj", 2}};
    second.alpha_pattern = {{".*up_proj", 7}};
    LoraConfig third = Config(2, 8);
    third.target_modules = {"up_proj"};
    CombineOptions options;
    options.folders = {Make("a", Config(3, 6), {kLinear, kOther}),
                       Make("b", second, {kLinear, kOther}), Make("c", third, {kOther})};
    options.weights = {0.7, -1.25, 2};
    const auto sum = Sum(options);
    for (const auto& [combination, svd_rank, rank] :
         std::vector<std::tuple<std::string, int64_t, int64_t>>{
             {"cat", 0, 10}, {"svd", 10, 10}, {"svd", 300, 300}}) {
        options.combination = combination;
        options.svd_rank = svd_rank;
        const std::string folder = folder_ / fmt::format("{}-{}", combination, svd_rank);
        const auto combined = CombineAdapters(options, folder);
        ASSERT_TRUE(combined.ok()) << combined.status();
        EXPECT_EQ(combined->rank, rank);
        EXPECT_EQ(combined->layers, 2);
        const auto deltas = Deltas(folder);
        ASSERT_EQ(deltas.size(), 2U);
        for (const auto& [name, delta] : deltas)
            EXPECT_LT(Distance(delta, sum.at(name)),
                      2e-6 * Distance(sum.at(name), std::vector<double>(delta.size())));
        const LoraConfig config = ReadAdapterConfig(folder).value();
        EXPECT_FALSE(config.use_rslora);
        EXPECT_EQ(config.target_modules, (std::vector<std::string>{kLinear, kOther}));
    }
}

// No delta of rank 2 is nearer to the sum: what is missing are the smaller singular values. Against
// random ones, and moved a little from the result.
TEST_F(Combine, SvdIsTheNearestOfItsRank) {
    CombineOptions options;
    options.folders = {Make("a", Config(3, 6), {kLinear}), Make("b", Config(3, 3), {kLinear})};
    options.weights = {1, 1};
    options.combination = "svd";
    options.svd_rank = 2;
    ASSERT_TRUE(CombineAdapters(options, folder_ / "mixed").ok());
    const auto sum = Sum(options).at(kLinear);
    const double distance = Distance(Deltas(folder_ / "mixed").at(kLinear), sum);
    const auto file = OpenWeights(folder_ / "mixed/adapter_model.safetensors").value();
    const std::string prefix = std::string("base_model.model.") + kLinear;
    const auto a = ReadTensor(*file->Find(prefix + ".lora_A.weight")).value();
    const auto b = ReadTensor(*file->Find(prefix + ".lora_B.weight")).value();
    for (int64_t i = 0; i < 2; ++i)  // rows of A are orthonormal, as those of PEFT's Vh
        for (int64_t j = 0; j < 2; ++j)
            EXPECT_NEAR(std::inner_product(&a[i * kIn], &a[i * kIn] + kIn, &a[j * kIn], 0.0),
                        i == j, 1e-5);
    for (int attempt = 0; attempt < 200; ++attempt) {
        const double step = attempt < 100 ? 0.01 : 1;
        auto near_a = a, near_b = b;
        for (auto* values : {&near_a, &near_b})
            for (float& value : *values) value += static_cast<float>(step) * random_.Normal();
        std::vector<double> delta(kOut * kIn);
        for (int64_t o = 0; o < kOut; ++o)
            for (int64_t i = 0; i < kIn; ++i)
                for (int64_t r = 0; r < 2; ++r)
                    delta[o * kIn + i] += double{near_b[o * 2 + r]} * near_a[r * kIn + i];
        EXPECT_GT(Distance(delta, sum), distance);
    }
}

TEST_F(Combine, WhatCannotBeCombinedIsNamed) {
    const std::string plain = Make("a", Config(3, 6), {kLinear, kOther});
    LoraConfig config = Config(3, 6);
    config.base_model_name_or_path = "another";
    EXPECT_THAT(Error({{plain, Make("base", config, {kLinear})}, {1, 1}}),
                HasSubstr("is for base, and "));
    config = Config(3, 6);
    config.task_type = "SEQ_CLS";
    EXPECT_THAT(Error({{plain, Make("task", config, {kLinear})}, {1, 1}}), HasSubstr("SEQ_CLS"));
    config = Config(3, 6);
    config.modules_to_save = {"lm_head"};
    EXPECT_THAT(Error({{plain, Make("saved", config, {kLinear})}, {1, 1}}),
                HasSubstr("modules_to_save lm_head"));
    config = Config(3, 6);
    config.use_dora = true;
    EXPECT_THAT(Error({{plain, Make("dora", config, {kLinear})}, {1, 1}}), HasSubstr("DoRA"));
    EXPECT_THAT(Error({{plain, Make("five", Config(5, 6), {kOther})}, {1, 1}, "linear"}),
                HasSubstr("linear adds up adapters of one rank"));
    std::vector<std::string> many(1400, plain);
    EXPECT_THAT(Error({many, std::vector<double>(many.size(), 1.0)}),
                HasSubstr("4096 is the most"));
    const auto taken = CombineAdapters({{plain, plain}, {1, 1}}, plain);
    EXPECT_THAT(std::string(taken.status().message()), HasSubstr("not empty"));
}

}  // namespace
}  // namespace hone
