#include "train/optim/optimizer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <map>

#include "base/deviation_table.h"
#include "base/files/json_file.h"
#include "base/files/testing.h"
#include "kernels/dispatch/testing.h"

namespace hone {
namespace {

using Json = nlohmann::ordered_json;

// Parameters of a layer, an adapter and the rest; small and large, wide and tall.
void AddParameters(ParameterSet& parameters) {
    parameters.Add("model.embed_tokens.weight", {40, 6}, true);
    parameters.Add("model.layers.0.mlp.up_proj.lora_A.weight", {4, 12}, true);
    parameters.Add("model.layers.0.mlp.up_proj.lora_B.weight", {10, 4}, true);
    parameters.Add("model.layers.1.mlp.up_proj.weight", {70, 66}, true);
    parameters.Add("model.norm.weight", {12}, false);
    parameters.Allocate();
}

// Numbers that tools/golden/optimizers.py makes in the same way: a whole number from the index by
// two rounds of a hash, centred.
float NumberAt(uint32_t seed, uint32_t index) {
    uint32_t x = seed * 2654435761u + index;
    for (int round = 0; round < 2; ++round) {
        x ^= x >> 16;
        x *= 0x45d9f3bu;
    }
    x ^= x >> 16;
    return static_cast<float>(static_cast<int32_t>(x >> 8) - (1 << 23)) * 0x1p-23f;
}

void Fill(std::span<float> values, uint32_t seed, float scale) {
    for (size_t i = 0; i < values.size(); ++i)
        values[i] = scale * NumberAt(seed, static_cast<uint32_t>(i));
}

struct Trial {
    explicit Trial(const OptimizerOptions& options, const Context& context) : context_(context) {
        AddParameters(parameters);
        Fill(parameters.values(), 1, 1);
        optimizer = MakeOptimizer(options, parameters);
        optimizer->Allocate();
    }
    // Gradients that grow and shrink over the steps, and differ in size from tensor to tensor.
    void Step(int64_t number) {
        Fill(parameters.gradients(), static_cast<uint32_t>(100 + number), 0.1f);
        for (size_t i = 0; i < parameters.slices().size(); ++i) {
            const ParameterSlice& slice = parameters.slices()[i];
            for (float& g : parameters.gradients().subspan(slice.offset, slice.count))
                g = g * static_cast<float>(i + 1) * static_cast<float>(1 + number % 3);
        }
        optimizer->Step(context_, {.number = number, .learning_rate = 0.01, .gradient_scale = 0.5f},
                        parameters);
    }
    const Context& context_;
    ParameterSet parameters;
    std::unique_ptr<Optimizer> optimizer;
};

class OptimizerTest : public testing::TestWithParam<std::string_view> {
  protected:
    OptimizerOptions Options() const {
        return {.name = std::string(GetParam()), .weight_decay = 0.1};
    }
};

// The values after 20 steps of the optimiser that transformers takes by that name.
TEST_P(OptimizerTest, TwentyStepsEqualTheReference) {
    const Context context(2);
    const Json golden =
        *ReadJsonObject(HONE_SOURCE_DIR "/src/train/testdata/optimizers.json", size_t{1} << 24);
    const Json& expected = golden.at("optimizers").at(std::string(GetParam()));
    Trial run(Options(), context);
    for (int64_t number = 1; number <= 20; ++number) run.Step(number);
    // A code of 8 bits on a boundary may fall to either side; what follows differs by so much.
    const bool codes = GetParam() == "adamw_8bit";
    for (const ParameterSlice& slice : run.parameters.slices()) {
        SCOPED_TRACE(slice.name);
        const Json& tensor = expected.at(slice.name);
        const auto values = run.parameters.values().subspan(slice.offset, slice.count);
        double squares = 0, miss = 0, worst = 0;
        size_t sample = 0;
        for (int64_t i = 0; i < slice.count; ++i) {
            squares += double{values[i]} * values[i];
            if (i % golden.at("sampled_every").get<int64_t>() != 0) continue;
            const double difference = values[i] - tensor.at("sample")[sample++].get<double>();
            miss += difference * difference;
            worst = std::max(worst, std::abs(difference));
        }
        ASSERT_EQ(sample, tensor.at("sample").size());
        const double norm = tensor.at("norm");
        EXPECT_NEAR(std::sqrt(squares), norm, (codes ? 1e-5 : 2e-6) * norm);
        EXPECT_LT(worst, codes ? 2e-3 : 5e-6);
        EXPECT_LT(std::sqrt(miss / static_cast<double>(sample)), codes ? 1e-4 : 1e-6);
        testkit::deviation_table.Note(std::string(GetParam()), "weights", worst);
    }
}

// What States() holds is all that the steps to come depend on.
TEST_P(OptimizerTest, GoesOnFromItsStates) {
    const Context context(1), more(3);
    Trial whole(Options(), context), first(Options(), context), second(Options(), more);
    for (int64_t number = 1; number <= 6; ++number) whole.Step(number);
    for (int64_t number = 1; number <= 3; ++number) first.Step(number);
    std::copy(first.parameters.values().begin(), first.parameters.values().end(),
              second.parameters.values().begin());
    const auto from = first.optimizer->States(), to = second.optimizer->States();
    ASSERT_EQ(from.size(), to.size());
    for (size_t i = 0; i < from.size(); ++i) {
        EXPECT_EQ(from[i].name, to[i].name);
        int64_t elements = 1;
        for (int64_t size : from[i].shape) elements *= size;
        EXPECT_EQ(from[i].bytes.size(), static_cast<size_t>(elements * DTypeBytes(from[i].dtype)));
        std::copy(from[i].bytes.begin(), from[i].bytes.end(), to[i].bytes.begin());
    }
    for (int64_t number = 4; number <= 6; ++number) second.Step(number);
    testkit::ExpectSameBits(second.parameters.values(), whole.parameters.values(), "values");
}

TEST_P(OptimizerTest, HoldsWhatItPlans) {
    ParameterSet parameters;
    AddParameters(parameters);
    const size_t planned = OptimizerBytes(Options(), parameters);
    size_t kept = 0;
    const auto optimizer = MakeOptimizer(Options(), parameters);
    optimizer->Allocate();
    for (const OptimizerState& state : optimizer->States()) kept += state.bytes.size();
    EXPECT_GE(planned, kept);
}

INSTANTIATE_TEST_SUITE_P(Each, OptimizerTest,
                         testing::ValuesIn(OptimizerNames().begin(), OptimizerNames().end()),
                         [](const auto& info) { return std::string(info.param); });

TEST(OptimizerMemory, EightBitsTakeAQuarter) {
    ParameterSet parameters;
    parameters.Add("model.layers.0.mlp.up_proj.weight", {1000, 1000}, true);
    const auto bytes = [&](const char* name) { return OptimizerBytes({.name = name}, parameters); };
    EXPECT_EQ(bytes("adamw_torch"), 8'000'000u);
    EXPECT_LT(bytes("adamw_8bit"), 2'100'000u);
    EXPECT_LT(bytes("adafactor"), 30'000u);
    EXPECT_EQ(bytes("lion"), 4'000'000u);
    EXPECT_EQ(bytes("sgd"), 0u);
}

TEST(OptimizerRates, FollowTheLayerAndTheKind) {
    OptimizerOptions options{.layerwise_lr_decay = 0.5, .layers = 4};
    const auto rate = [&](const char* name, std::vector<int64_t> shape = {2, 2}) {
        return RunOf(options, {.name = name, .shape = std::move(shape), .count = 4}).rate;
    };
    EXPECT_EQ(rate("lm_head.weight"), 1);
    EXPECT_EQ(rate("model.norm.weight", {4}), 1);
    EXPECT_EQ(rate("model.layers.3.mlp.up_proj.lora_A.weight"), 0.5);
    EXPECT_EQ(rate("transformer.h.0.attn.c_attn.weight"), 0.0625);
    EXPECT_EQ(rate("model.embed_tokens.weight"), 0.03125);
    options.loraplus_lr_ratio = 16;
    EXPECT_EQ(rate("model.layers.3.mlp.up_proj.lora_B.weight"), 8);
    EXPECT_EQ(rate("model.layers.3.mlp.up_proj.lora_A.weight"), 0.5);
    EXPECT_EQ(rate("model.layers.3.q_proj.lora_magnitude_vector", {4}), 8);
}

}  // namespace
}  // namespace hone
