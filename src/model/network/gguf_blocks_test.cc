// A model over the blocks of its GGUF file computes what it computes over their numbers.
#include <gtest/gtest.h>

#include <cstring>

#include "model/files/golden_testing.h"
#include "model/files/stored_rows.h"
#include "model/model.h"

namespace hone {
namespace {

Batch GgufBatch(int64_t vocabulary) {
    Batch batch;
    TestRandom random(8);
    for (const int64_t length : {17, 1, 6}) {
        Example example;
        for (int64_t i = 0; i < length; ++i)
            example.tokens.push_back(static_cast<int32_t>(random.Between(0, vocabulary - 1)));
        example.weights.assign(example.tokens.size(), 1.0f);
        batch.Append(example);
    }
    return batch;
}

std::unique_ptr<Model> LoadAdapted(const ModelFiles& files, const LoadOptions& options,
                                   const Context& context) {
    auto model = Model::Load(files, options, context).value();
    for (const LinearInfo& linear : model->linears()) {
        if (linear.is_head) continue;
        EXPECT_TRUE(model->AddLowRank(linear.name, {.rank = 4, .scale = 0.5f}).ok());
    }
    EXPECT_TRUE(model->FinishParameters(context).ok());
    EXPECT_TRUE(model->PrepareTraining(64, false).ok());
    TestRandom random(9);
    for (float& value : model->parameters().values()) value = 0.1f * random.Normal();
    model->ParametersChanged(context);
    return model;
}

// q and k with their rows in another order, v beside them in f32, and a bias of every layer.
TEST(GgufBlocksOfAModel, AStepHasTheBitsOfTheBaseThatWasReadAsNumbers) {
    const Context context(2);
    testkit::GoldenGguf gguf(true);
    gguf.AddTokenizer();
    const auto files = gguf.Open().value();
    const Batch batch = GgufBatch(files->config.vocab_size);
    for (const ComputeType compute : {ComputeType::kF32, ComputeType::kBF16}) {
        const auto native = LoadAdapted(*files, {.compute = compute}, context);
        const auto blocks = LoadAdapted(
            *files, {.compute = compute, .storage = WeightStorage::kGgufBlocks}, context);
        const auto expected = native->ForwardBackward(context, batch, 1, 3),
                   actual = blocks->ForwardBackward(context, batch, 1, 3);
        ASSERT_TRUE(expected.ok() && actual.ok());
        EXPECT_EQ(actual->loss, expected->loss);
        const auto a = blocks->parameters().gradients(), e = native->parameters().gradients();
        EXPECT_EQ(std::memcmp(a.data(), e.data(), a.size_bytes()), 0);
        EXPECT_EQ(blocks->Evaluate(context, batch)->loss, native->Evaluate(context, batch)->loss);

        size_t bytes = 0;
        int64_t weights = 0;
        for (const ModelTensor& tensor : files->tensors) {
            if (tensor.layer < 0 || tensor.row->role != TensorRole::kLinear) continue;
            weights += tensor.elements();
            bytes += HeldInBlocks(*files, tensor)   ? tensor.stored->bytes.size()
                     : compute == ComputeType::kF32 ? static_cast<size_t>(tensor.elements()) * 4
                                                    : static_cast<size_t>(tensor.elements()) * 2;
        }
        EXPECT_EQ(blocks->bits_per_weight(),
                  8 * static_cast<double>(bytes) / static_cast<double>(weights));
        EXPECT_EQ(native->bits_per_weight(), 0);
        const size_t more = native->PlanTraining(64, false).weights,
                     less = blocks->PlanTraining(64, false).weights;
        EXPECT_GE(more - less,
                  static_cast<size_t>(weights) * (compute == ComputeType::kF32 ? 4 : 2) - bytes);
    }
}

// What is in no blocks is held as it is computed with, and may be trained in full.
TEST(GgufBlocksOfAModel, LayersInNoBlocksAreNative) {
    const Context context(1);
    testkit::GoldenGguf numbers, gguf(true);
    for (testkit::GoldenGguf* file : {&numbers, &gguf}) file->AddTokenizer();
    const LoadOptions options{.storage = WeightStorage::kGgufBlocks};
    const auto plain = Model::Load(*numbers.Open().value(), options, context).value(),
               blocks = Model::Load(*gguf.Open().value(), options, context).value();
    EXPECT_EQ(plain->bits_per_weight(), 0);
    EXPECT_TRUE(plain->MakeTrainable("layers.0.mlp.up_proj").ok());
    const absl::Status refused = blocks->MakeTrainable("layers.0.mlp.up_proj");
    EXPECT_EQ(KindOf(refused), ErrorKind::kUsage);
    EXPECT_NE(std::string(refused.message()).find("blocks of its GGUF file"), std::string::npos)
        << refused;
}

}  // namespace
}  // namespace hone
