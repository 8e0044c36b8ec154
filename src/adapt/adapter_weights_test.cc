#include "adapt/adapter_weights.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "adapt/lora.h"
#include "base/files/file.h"
#include "model/weights/pytorch_testing.h"

namespace hone {
namespace {

constexpr char kA[] = "model.layers.0.self_attn.q_proj.lora_A.weight";
constexpr char kB[] = "model.layers.0.self_attn.q_proj.lora_B.weight";

class AdapterWeights : public testing::Test {
  protected:
    void SetUp() override {
        path_ = folder_ / "adapter_model.safetensors";
        Build(parameters_);
    }

    static void Build(ParameterSet& parameters) {
        parameters.Add(kA, {4, 100}, true);
        parameters.Add(kB, {50, 4}, true);
        parameters.Add("lm_head.weight", {8, 4}, true);
        parameters.Allocate();
    }
    // Writes tensors of zeros with these names and shapes.
    void WriteFile(const std::vector<std::pair<std::string, std::vector<int64_t>>>& tensors,
                   float fill = 0) {
        std::vector<std::vector<float>> data;
        std::vector<TensorToWrite> list;
        for (const auto& [name, shape] : tensors) {
            int64_t count = 1;
            for (int64_t size : shape) count *= size;
            data.emplace_back(count, fill);
        }
        for (size_t i = 0; i < tensors.size(); ++i) {
            const std::span bytes(reinterpret_cast<const uint8_t*>(data[i].data()),
                                  data[i].size() * sizeof(float));
            list.push_back({tensors[i].first, tensors[i].second, DType::kF32, bytes});
        }
        ASSERT_TRUE(WriteSafetensors(path_, list, {}).ok());
    }
    std::string ReadMessage() {
        absl::Status status = ReadAdapterWeights(path_, parameters_);
        EXPECT_TRUE(status.ok() || KindOf(status) == ErrorKind::kModel) << status;
        return std::string(status.message());
    }

    const TestFolder folder_;
    std::string path_;
    ParameterSet parameters_;
};

TEST_F(AdapterWeights, StartAsTorchStartsThem) {
    std::fill(parameters_.values().begin(), parameters_.values().end(), 3.0f);
    InitializeLowRank(parameters_, 1);
    auto values = parameters_.values();
    const double bound = 1 / std::sqrt(100.0);  // kaiming_uniform_(a = sqrt 5) on [4, 100]
    double sum = 0, squares = 0, largest = 0;
    for (int i = 0; i < 400; ++i) {
        sum += values[i];
        squares += static_cast<double>(values[i]) * values[i];
        largest = std::max(largest, std::fabs(static_cast<double>(values[i])));
    }
    EXPECT_LE(largest, bound);
    EXPECT_GT(largest, 0.97 * bound);
    EXPECT_NEAR(sum / 400, 0, 4 * bound / std::sqrt(3.0 * 400));
    EXPECT_NEAR(squares / 400, bound * bound / 3, 0.15 * bound * bound / 3);
    for (int i = 400; i < 600; ++i) EXPECT_EQ(values[i], 0.0f);
    for (int i = 600; i < 632; ++i) EXPECT_EQ(values[i], 3.0f);  // a saved module keeps the base's
}

// As PEFT starts that of an embedding: A is zero, and B normal.
TEST_F(AdapterWeights, OfAnEmbeddingTheOtherOneIsZero) {
    ParameterSet parameters;
    parameters.Add("model.embed_tokens.lora_embedding_A", {4, 300}, true);
    parameters.Add("model.embed_tokens.lora_embedding_B", {200, 4}, true);
    parameters.Allocate();
    std::fill(parameters.values().begin(), parameters.values().end(), 3.0f);
    InitializeLowRank(parameters, 1);
    const auto values = parameters.values();
    double sum = 0, squares = 0;
    for (int i = 0; i < 1200; ++i) EXPECT_EQ(values[i], 0.0f);
    for (int i = 1200; i < 2000; ++i) {
        sum += values[i];
        squares += static_cast<double>(values[i]) * values[i];
    }
    EXPECT_NEAR(sum / 800, 0, 4 / std::sqrt(800.0));
    EXPECT_NEAR(squares / 800, 1, 0.2);
}

TEST_F(AdapterWeights, StartDependsOnSeedAndNameAlone) {
    auto start = [](uint64_t seed, const char* name, bool after_another) {
        ParameterSet set;
        if (after_another) set.Add("x.lora_A.weight", {2, 3}, true);
        const int index = set.Add(name, {4, 10}, true);
        set.Allocate();
        InitializeLowRank(set, seed);
        return std::vector<float>(set.value(index), set.value(index) + 40);
    };
    EXPECT_EQ(start(1, kA, false), start(1, kA, true));
    EXPECT_NE(start(1, kA, false), start(2, kA, false));
    EXPECT_NE(start(1, kA, false),
              start(1, "model.layers.1.self_attn.q_proj.lora_A.weight", false));
}

TEST_F(AdapterWeights, WrittenFilesReadBackToTheBit) {
    InitializeLowRank(parameters_, 5);
    parameters_.values()[450] = 1.17549435e-38f;
    ASSERT_TRUE(WriteAdapterWeights(parameters_, path_).ok());
    ParameterSet copy;
    Build(copy);
    ASSERT_TRUE(ReadAdapterWeights(path_, copy).ok());
    EXPECT_EQ(std::memcmp(copy.values().data(), parameters_.values().data(),
                          parameters_.values().size_bytes()),
              0);
    EXPECT_TRUE(HoldsAdapterWeights(path_, copy).value());
    copy.values()[450] = 0;
    EXPECT_FALSE(HoldsAdapterWeights(path_, copy).value());
    auto file = OpenSafetensors(path_).value();
    std::vector<std::string> names;
    for (const auto& tensor : file->tensors()) names.push_back(tensor.name);
    EXPECT_EQ(names, (std::vector<std::string>{"base_model.model.lm_head.weight",
                                               std::string("base_model.model.") + kA,
                                               std::string("base_model.model.") + kB}));
    auto text = ReadFile(path_).value();
    EXPECT_NE(text.find(R"("__metadata__":{"format":"pt"})"), std::string::npos);
}

TEST_F(AdapterWeights, AnOlderFolderHasThemInPytorchsFormat) {
    InitializeLowRank(parameters_, 5);
    ASSERT_TRUE(WriteAdapterWeights(parameters_, path_).ok());
    EXPECT_EQ(*AdapterWeightsPath(folder_.path()), path_) << "the first choice";
    testkit::Put(folder_ / "adapter_model.bin", testkit::PytorchOf(**OpenWeights(path_), true));
    std::filesystem::remove(path_);
    const std::string pickled = AdapterWeightsPath(folder_.path()).value();
    EXPECT_EQ(pickled, folder_ / "adapter_model.bin");
    EXPECT_TRUE(HoldsAdapterWeights(pickled, parameters_).value());
    std::filesystem::remove(pickled);
    const absl::Status missing = AdapterWeightsPath(folder_.path()).status();
    EXPECT_EQ(KindOf(missing), ErrorKind::kModel);
    EXPECT_NE(missing.message().find("neither adapter_model.safetensors nor adapter_model.bin"),
              std::string::npos);
}

TEST_F(AdapterWeights, OlderSpellingsAreUnderstood) {
    WriteFile({{"base_model.model.model.layers.0.self_attn.q_proj.lora_A.default.weight", {4, 100}},
               {"base_model.model.model.layers.0.self_attn.q_proj.lora_B.default.weight", {50, 4}},
               {"base_model.model.lm_head.modules_to_save.default.weight", {8, 4}}},
              0.5f);
    EXPECT_EQ(ReadMessage(), "");
    EXPECT_EQ(parameters_.values()[631], 0.5f);
}

TEST_F(AdapterWeights, AnotherBaseIsRefusedAndNothingChanges) {
    const std::string a = std::string("base_model.model.") + kA,
                      b = std::string("base_model.model.") + kB;
    const std::string head = "base_model.model.lm_head.weight";
    parameters_.values()[0] = 7;
    WriteFile({{a, {4, 200}}, {b, {50, 4}}, {head, {8, 4}}}, 1);
    EXPECT_NE(ReadMessage().find("[4, 200]"), std::string::npos) << ReadMessage();
    EXPECT_NE(ReadMessage().find("another base"), std::string::npos);
    WriteFile({{a, {4, 100}}, {head, {8, 4}}}, 1);
    EXPECT_NE(ReadMessage().find("lora_B.weight is missing"), std::string::npos) << ReadMessage();
    WriteFile({{a, {4, 100}},
               {b, {50, 4}},
               {head, {8, 4}},
               {"base_model.model.model.layers.9.x.lora_A.weight", {1}}},
              1);
    EXPECT_NE(ReadMessage().find("layers.9.x"), std::string::npos) << ReadMessage();
    WriteFile({{a, {4, 100}}, {b, {50, 4}}, {head, {8, 4}}},
              std::numeric_limits<float>::quiet_NaN());
    EXPECT_NE(ReadMessage().find("NaN"), std::string::npos);
    WriteFile({{a, {4, 100}}, {kA, {4, 100}}, {b, {50, 4}}, {head, {8, 4}}}, 1);
    EXPECT_NE(ReadMessage().find("twice"), std::string::npos);
    EXPECT_EQ(parameters_.values()[0], 7.0f);
}

TEST_F(AdapterWeights, FeaturesThatAreNotSupportedAreNamed) {
    for (const auto& [name, word] :
         {std::pair("model.embed_tokens.lora_embedding_A", "target_modules"),
          std::pair("model.layers.0.self_attn.q_proj.lora_magnitude_vector", "use_dora"),
          std::pair("model.embed_tokens.token_adapter.trainable_tokens_delta", "single tokens"),
          std::pair("model.layers.0.self_attn.q_proj.lora_B.bias", "lora_bias"),
          std::pair("model.layers.0.self_attn.q_proj.bias", "biases")}) {
        WriteFile({{std::string("base_model.model.") + name, {1}}});
        const std::string message = ReadMessage();
        EXPECT_NE(message.find(word), std::string::npos) << message;
        EXPECT_EQ(message.find("another base"), std::string::npos) << message;
    }
}

}  // namespace
}  // namespace hone
