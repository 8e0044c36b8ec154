// Training through a base whose products are in 8-bit integers: near what torch gives in f32, and
// what must hold of its gradients whatever the rounding.
#include <algorithm>
#include <cmath>

#include "golden.h"

namespace hone::golden {
namespace {

Loaded LoadInt8(const Case& golden, ComputeType compute, const Context& context,
                bool gradient_checkpointing = false) {
    Loaded loaded = LoadBase(golden.model_folder(), compute, context, WeightStorage::kInt8Channels);
    ExpectOk(LoadAdapter(*loaded.model, golden.adapter_folder(), context).status());
    ExpectOk(loaded.model->PrepareTraining(256, gradient_checkpointing));
    return loaded;
}

class Int8Test : public testing::TestWithParam<std::string> {
  protected:
    Int8Test() : golden_(GetParam()), batch_(Pack(golden_.documents())) {}

    Context context_{2};
    Case golden_;
    Batch batch_;
};

// These models are tiny and random: rows of 64 numbers average less out than those of real ones.
TEST_P(Int8Test, LossAndGradientsAreNearTorchs) {
    for (ComputeType compute : {ComputeType::kF32, ComputeType::kBF16}) {
        Loaded loaded = LoadInt8(golden_, compute, context_);
        EXPECT_EQ(loaded.model->storage(), WeightStorage::kInt8Channels);
        double loss = 0;
        Backward(*loaded.model, context_, batch_, &loss);
        const double expected = golden_.start_loss() * batch_.TotalWeight();
        EXPECT_NEAR(loss, expected, 0.005 * expected);
        double square = 0, off = 0;
        for (const std::string& name : golden_.TensorsWith("gradient.")) {
            const std::vector<float> want = golden_.Tensor("gradient." + name);
            const std::span<const float> actual = Gradients(*loaded.model, name);
            EXPECT_LT(RelativeError(actual, want), 0.2) << name;
            for (size_t i = 0; i < want.size(); ++i) {
                square += double{want[i]} * want[i];
                off += std::pow(double{actual[i]} - want[i], 2);
            }
        }
        EXPECT_LT(std::sqrt(off / square), 0.1);
        // The rounding is there: f32 without it is a hundred times nearer.
        EXPECT_GT(std::sqrt(off / square), 1e-3);
    }
}

TEST_P(Int8Test, ThreadsAndCheckpointingDoNotChangeABit) {
    for (ComputeType compute : {ComputeType::kF32, ComputeType::kBF16}) {
        std::vector<float> first;
        for (int threads : {1, 2, 3}) {
            const Context context(threads);
            Loaded loaded = LoadInt8(golden_, compute, context, threads == 3);
            const std::vector<float> gradients = Backward(*loaded.model, context, batch_);
            if (threads == 1) first = gradients;
            ExpectSameBits(gradients, first, std::to_string(threads) + " threads");
        }
    }
}

TEST_P(Int8Test, TakesLessMemoryThanTheWeights) {
    Loaded coded = LoadInt8(golden_, ComputeType::kBF16, context_);
    Loaded plain = LoadTrained(golden_, ComputeType::kBF16, context_);
    EXPECT_LT(coded.model->PlanTraining(256, false).weights,
              plain.model->PlanTraining(256, false).weights);
    EXPECT_EQ(coded.model->PlanTraining(256, false).activations,
              plain.model->PlanTraining(256, false).activations);
}

// What is not finite is seen at the end, however often it was rounded on the way.
TEST_P(Int8Test, ANanReachesTheLossAndTheGradients) {
    for (const char* where : {"lora_A", "lora_B"}) {
        Loaded loaded = LoadInt8(golden_, ComputeType::kBF16, context_);
        for (const ParameterSlice& slice : loaded.model->parameters().slices()) {
            if (slice.name.find(where) == std::string::npos) continue;
            loaded.model->parameters().values()[slice.offset] = NAN;
            break;
        }
        loaded.model->ParametersChanged(context_);
        double loss = 0;
        const std::vector<float> gradients = Backward(*loaded.model, context_, batch_, &loss);
        EXPECT_FALSE(std::isfinite(loss)) << where;
        EXPECT_TRUE(std::any_of(gradients.begin(), gradients.end(), [](float gradient) {
            return !std::isfinite(gradient);
        })) << where;
    }
}

INSTANTIATE_TEST_SUITE_P(Golden, Int8Test,
                         testing::Values("tied-lora", "llama3-rslora", "bias-regex", "odd-head"),
                         TestName);

}  // namespace
}  // namespace hone::golden
