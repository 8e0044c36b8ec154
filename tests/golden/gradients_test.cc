// Gradients of every adapter, and of every weight, against torch's, and what must hold of gradients
// whoever computes them.
#include <algorithm>
#include <cmath>

#include "adapt/targets.h"
#include "base/files/testing.h"
#include "golden.h"
#include "model/config/arch.h"
#include "model/files/model_tensors.h"

namespace hone::golden {
namespace {

class GradientsTest : public testing::TestWithParam<std::string> {
  protected:
    GradientsTest() : golden_(GetParam()), batch_(Pack(golden_.documents())) {}

    Context context_{2};
    Case golden_;
    Batch batch_;
};

TEST_P(GradientsTest, F32EqualsTorch) {
    Loaded adapted = LoadTrained(golden_, ComputeType::kF32, context_);
    double loss = 0;
    Backward(*adapted.model, context_, batch_, &loss);
    const double expected = golden_.start_loss() * batch_.TotalWeight();
    EXPECT_NEAR(loss, expected, 1e-5 * expected);
    const std::vector<std::string> names = golden_.TensorsWith("gradient.");
    // Every trainable tensor has a golden and the other way round.
    EXPECT_EQ(names.size(), adapted.model->parameters().slices().size());
    for (const std::string& name : names) {
        golden_.Note("gradients", ExpectGolden(golden_, *adapted.model, "gradient", name, 2e-4));
        if (golden_.full()) continue;
        const std::vector<float> want = golden_.Tensor("gradient." + name);
        const std::vector<float> got =
            AsStored(*adapted.model, name, Gradients(*adapted.model, name));
        EXPECT_LT(WorstElement(got, want), 2e-4) << name;
    }
}

TEST_P(GradientsTest, Bf16IsNear) {
    Loaded adapted = LoadTrained(golden_, ComputeType::kBF16, context_);
    Backward(*adapted.model, context_, batch_);
    for (const std::string& name : golden_.TensorsWith("gradient."))
        ExpectGolden(golden_, *adapted.model, "gradient", name, 0.06);
}

// Scaling the loss by a power of two scales every product by it exactly.
TEST_P(GradientsTest, LossScaleIsLinear) {
    for (ComputeType compute : {ComputeType::kF32, ComputeType::kBF16}) {
        Loaded adapted = LoadTrained(golden_, compute, context_);
        double loss = 0, scaled_loss = 0;
        std::vector<float> gradients = Backward(*adapted.model, context_, batch_, &loss);
        const std::vector<float> scaled =
            Backward(*adapted.model, context_, batch_, &scaled_loss, 0.125f);
        EXPECT_EQ(loss, scaled_loss) << "the reported loss is not scaled";
        for (float& gradient : gradients) gradient *= 0.125f;
        ExpectSameBits(scaled, gradients, "scaled gradients");
    }
}

TEST_P(GradientsTest, PassesAccumulate) {
    Loaded adapted = LoadTrained(golden_, ComputeType::kF32, context_);
    const std::vector<float> once = Backward(*adapted.model, context_, batch_);
    GOLDEN_ASSERT_OK(adapted.model->ForwardBackward(context_, batch_, 1, 17).status());
    std::vector<float> halved(adapted.model->parameters().gradients().begin(),
                              adapted.model->parameters().gradients().end());
    for (float& gradient : halved) gradient /= 2;
    EXPECT_LT(WorstElement(halved, once), 1e-5);
}

// One batch of all documents, or one pass for each: the same gradients. A document without a label
// may be among them.
TEST_P(GradientsTest, PackedEqualsOneByOne) {
    Loaded adapted = LoadTrained(golden_, ComputeType::kF32, context_);
    const std::vector<float> packed = Backward(*adapted.model, context_, batch_);
    ZeroGradients(*adapted.model);
    LossSums sums;
    for (const Example& document : golden_.documents()) {
        auto one = adapted.model->ForwardBackward(context_, Pack({document}), 1, 17);
        GOLDEN_ASSERT_OK(one.status());
        sums += *one;
    }
    EXPECT_LT(RelativeError(adapted.model->parameters().gradients(), packed), 1e-5);
    EXPECT_NEAR(sums.weight, batch_.TotalWeight(), 1e-6);
}

TEST_P(GradientsTest, ThreadsDoNotChangeABit) {
    for (ComputeType compute : {ComputeType::kF32, ComputeType::kBF16}) {
        std::vector<float> first;
        for (int threads : {1, 2, 3}) {
            Context context(threads);
            Loaded adapted = LoadTrained(golden_, compute, context);
            const std::vector<float> gradients = Backward(*adapted.model, context, batch_);
            if (threads == 1) first = gradients;
            ExpectSameBits(gradients, first, std::to_string(threads) + " threads");
        }
    }
}

TEST_P(GradientsTest, CheckpointingDoesNotChangeABit) {
    for (ComputeType compute : {ComputeType::kF32, ComputeType::kBF16}) {
        Loaded plain = LoadTrained(golden_, compute, context_, /*gradient_checkpointing=*/false);
        Loaded thrifty = LoadTrained(golden_, compute, context_, /*gradient_checkpointing=*/true);
        EXPECT_LT(thrifty.model->PlanTraining(256, true).activations,
                  plain.model->PlanTraining(256, false).activations);
        double loss = 0, thrifty_loss = 0;
        const std::vector<float> gradients = Backward(*plain.model, context_, batch_, &loss);
        const std::vector<float> recomputed =
            Backward(*thrifty.model, context_, batch_, &thrifty_loss);
        EXPECT_EQ(loss, thrifty_loss);
        ExpectSameBits(recomputed, gradients, "recomputed gradients");
    }
}

// DoRA's gradient takes the lengths of the weights' rows for constants. So where a test moves A or
// B, this moves the magnitudes along, and what they are divided by stays.
class HeldLengths {
  public:
    explicit HeldLengths(Model& model, const LoraConfig& config) : model_(model), config_(config) {
        for (const ParameterSlice& slice : model.parameters().slices()) {
            constexpr std::string_view kMagnitude = ".lora_magnitude_vector";
            if (!slice.name.ends_with(kMagnitude)) continue;
            Layer layer;
            layer.name = slice.name.substr(0, slice.name.size() - kMagnitude.size());
            const std::span<const float> values = Values(model, slice.name);
            layer.magnitudes.assign(values.begin(), values.end());
            layer.lengths = Lengths(layer.name);
            layers_.push_back(std::move(layer));
        }
    }
    // After a move of the tensor of that name.
    void Follow(const std::string& name) {
        for (const Layer& layer : layers_) {
            if (name.find(layer.name + ".lora_") == std::string::npos ||
                name.find("_magnitude_") != std::string::npos)
                continue;
            const std::vector<double> lengths = Lengths(layer.name);
            const std::span<float> values = Values(model_, layer.name + ".lora_magnitude_vector");
            for (size_t row = 0; row < values.size(); ++row)
                values[row] =
                    static_cast<float>(layer.magnitudes[row] * lengths[row] / layer.lengths[row]);
        }
    }
    void PutBack() {
        for (const Layer& layer : layers_)
            std::copy(layer.magnitudes.begin(), layer.magnitudes.end(),
                      Values(model_, layer.name + ".lora_magnitude_vector").begin());
    }

  private:
    struct Layer {
        std::string name;
        std::vector<float> magnitudes;
        std::vector<double> lengths;
    };
    // Of the rows of W + scale * B A.
    std::vector<double> Lengths(const std::string& layer) {
        const ModelFiles& files = model_.files();
        const ModelTensor* weight = nullptr;
        for (const ModelTensor& tensor : files.tensors) {
            const bool tied_head = layer == "lm_head" && files.config.tie_word_embeddings &&
                                   tensor.row->role == TensorRole::kEmbedding;
            if (tensor.hf_name == layer + ".weight" || tied_head) weight = &tensor;
        }
        HONE_CHECK(weight != nullptr, "no weight of {}", layer);
        const int64_t rows = weight->rows(), columns = weight->columns();
        std::vector<float> numbers(static_cast<size_t>(rows * columns));
        ExpectOk(ReadModelRows(files, *weight, 0, rows, numbers.data()));
        const LowRankOptions options = *LowRankFor(config_, layer);
        const std::span<const float> a = Values(model_, layer + ".lora_A.weight"),
                                     b = Values(model_, layer + ".lora_B.weight");
        std::vector<double> lengths;
        for (int64_t row = 0; row < rows; ++row) {
            double squares = 0;
            for (int64_t i = 0; i < columns; ++i) {
                double number = numbers[row * columns + i];
                for (int64_t r = 0; r < options.rank; ++r)
                    number +=
                        double{options.scale} * b[row * options.rank + r] * a[r * columns + i];
                squares += number * number;
            }
            lengths.push_back(std::sqrt(squares));
        }
        return lengths;
    }

    Model& model_;
    const LoraConfig config_;
    std::vector<Layer> layers_;
};

// The slope of the loss along each tensor's gradient is the gradient's length.
TEST_P(GradientsTest, FiniteDifferences) {
    Loaded adapted = LoadTrained(golden_, ComputeType::kF32, context_);
    Model& model = *adapted.model;
    HeldLengths lengths(
        model, golden_.full() ? LoraConfig() : ReadAdapterConfig(golden_.adapter_folder()).value());
    Backward(model, context_, batch_);
    for (const std::string& name : golden_.TensorsWith("gradient.")) {
        const std::span<const float> gradient = Gradients(model, name);
        double square = 0;
        for (float value : gradient) square += double{value} * value;
        const double norm = std::sqrt(square);
        ASSERT_GT(norm, 0) << name;
        const std::span<float> values = Values(model, name);
        const std::vector<float> start(values.begin(), values.end());
        const double step = 4e-3;
        double losses[2];
        for (int side : {0, 1}) {
            for (size_t i = 0; i < values.size(); ++i) {
                values[i] =
                    static_cast<float>(start[i] + (side == 0 ? -step : step) * gradient[i] / norm);
            }
            lengths.Follow(name);
            model.ParametersChanged(context_);
            auto sums = model.Evaluate(context_, batch_);
            GOLDEN_ASSERT_OK(sums.status());
            losses[side] = sums->loss;
        }
        std::copy(start.begin(), start.end(), values.begin());
        lengths.PutBack();
        model.ParametersChanged(context_);
        EXPECT_NEAR((losses[1] - losses[0]) / (2 * step), norm, 0.01 * norm + 0.02) << name;
    }
}

INSTANTIATE_TEST_SUITE_P(Golden, GradientsTest, testing::ValuesIn(AllCaseNames()), TestName);

// With dropout: fixed by its seed, the same with checkpointing, and its gradient is that of the
// thinned network.
class DropoutTest : public testing::Test {
  protected:
    Loaded Load(bool gradient_checkpointing) {
        Loaded loaded = LoadBase(Folder() + "/models/tied", ComputeType::kF32, context_);
        LoraConfig config;
        config.r = 4;
        config.lora_alpha = 8;
        config.lora_dropout = 0.3;
        config.target_modules = {"all-linear"};
        ExpectOk(ApplyLora(*loaded.model, config, /*seed=*/5, context_));
        TestRandom random(seed_.seed());  // the same values in each model
        for (float& value : loaded.model->parameters().values()) value = 0.1f * random.Normal();
        loaded.model->ParametersChanged(context_);
        ExpectOk(loaded.model->PrepareTraining(256, gradient_checkpointing));
        return loaded;
    }
    double Loss(Model& model, uint64_t seed) {
        auto sums = model.ForwardBackward(context_, batch_, 1, seed);
        ExpectOk(sums.status());
        return sums.ok() ? sums->loss : NAN;
    }

    // The slope of the loss along each tensor's gradient is the gradient's length.
    void ExpectSlopes(Model& model);

    const TestRandom seed_{7};  // named by a failure anywhere in the test
    Context context_{2};
    Batch batch_ = Pack(Case("tied-lora").documents());
};

TEST_F(DropoutTest, SeedDecides) {
    Loaded loaded = Load(false);
    const double loss = Loss(*loaded.model, 1);
    EXPECT_EQ(loss, Loss(*loaded.model, 1));
    EXPECT_NE(loss, Loss(*loaded.model, 2));
    auto without = loaded.model->Evaluate(context_, batch_);
    GOLDEN_ASSERT_OK(without.status());
    EXPECT_NE(loss, without->loss);
}

TEST_F(DropoutTest, CheckpointingDropsTheSame) {
    Loaded plain = Load(false), thrifty = Load(true);
    EXPECT_EQ(Loss(*plain.model, 3), Loss(*thrifty.model, 3));
    ExpectSameBits(plain.model->parameters().gradients(), thrifty.model->parameters().gradients(),
                   "gradients");
}

// So many tokens that the layers keep less: the backward pass makes the same again.
TEST_F(DropoutTest, LongPassesDropTheSame) {
    const std::vector<Example> documents = Case("tied-lora").documents();
    batch_ = {};
    while (batch_.size() <= 4096)
        for (const Example& document : documents) batch_.Append(document);
    Loaded plain = Load(false), thrifty = Load(true);
    EXPECT_LT(plain.model->PlanTraining(4097, false).activations,
              plain.model->PlanTraining(4096, false).activations);
    EXPECT_EQ(Loss(*plain.model, 3), Loss(*thrifty.model, 3));
    ExpectSameBits(plain.model->parameters().gradients(), thrifty.model->parameters().gradients(),
                   "gradients");
}

// Labels smoothed and noise on the embedded tokens are for passes that train; the seed decides.
TEST_F(DropoutTest, EvaluationsHaveNoNoiseAndPlainLabels) {
    Loaded loaded = Load(false);
    const double plain = loaded.model->Evaluate(context_, batch_)->loss;
    const double dropped = Loss(*loaded.model, 1);
    for (const Regularization& regularization :
         {Regularization{.label_smoothing = 0.1f}, Regularization{.neftune_noise_alpha = 3}}) {
        loaded.model->Regularize(regularization);
        EXPECT_EQ(loaded.model->Evaluate(context_, batch_)->loss, plain);
        EXPECT_NE(Loss(*loaded.model, 1), dropped);
        EXPECT_EQ(Loss(*loaded.model, 1), Loss(*loaded.model, 1));
        EXPECT_NE(Loss(*loaded.model, 1), Loss(*loaded.model, 2));
    }
    loaded.model->Regularize({});
    EXPECT_EQ(Loss(*loaded.model, 1), dropped);
}

TEST_F(DropoutTest, FiniteDifferences) {
    Loaded loaded = Load(false);
    ExpectSlopes(*loaded.model);
}

TEST_F(DropoutTest, FiniteDifferencesWithSmoothedLabelsAndNoise) {
    Loaded loaded = Load(false);
    loaded.model->Regularize({.label_smoothing = 0.2f, .neftune_noise_alpha = 3});
    ExpectSlopes(*loaded.model);
}

void DropoutTest::ExpectSlopes(Model& model) {
    ZeroGradients(model);
    Loss(model, 9);
    const std::span<float> values = model.parameters().values();
    const std::vector<float> start(values.begin(), values.end());
    const std::vector<float> gradient(model.parameters().gradients().begin(),
                                      model.parameters().gradients().end());
    for (const ParameterSlice& slice : model.parameters().slices()) {
        double square = 0;
        for (int64_t i = 0; i < slice.count; ++i)
            square += std::pow(double{gradient[slice.offset + i]}, 2);
        const double norm = std::sqrt(square), step = 4e-3;
        double losses[2];
        for (int side : {0, 1}) {
            for (int64_t i = slice.offset; i < slice.offset + slice.count; ++i) {
                values[i] =
                    static_cast<float>(start[i] + (side == 0 ? -step : step) * gradient[i] / norm);
            }
            model.ParametersChanged(context_);
            losses[side] = Loss(model, 9);
        }
        std::copy(start.begin(), start.end(), values.begin());
        EXPECT_NEAR((losses[1] - losses[0]) / (2 * step), norm, 0.01 * norm + 0.02) << slice.name;
    }
}

}  // namespace
}  // namespace hone::golden
