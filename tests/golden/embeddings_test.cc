// Embeddings against transformers and peft (tools/golden/embeddings.py): the embeddings, the loss,
// the gradient of every trained tensor, and five steps of AdamW.
#include <filesystem>
#include <numeric>

#include "data/batch/batcher.h"
#include "golden.h"
#include "steps.h"
#include "train/custom/program_pair_loss.h"
#include "train/loop/embedder.h"
#include "train/method/lora.h"

namespace hone::golden {
namespace {

using Json = nlohmann::json;

std::vector<std::string> EmbeddingCases() {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(Folder() + "/embeddings"))
        names.push_back(entry.path().filename().string());
    std::sort(names.begin(), names.end());
    return names;
}

class EmbeddingTest : public ::testing::TestWithParam<std::string> {
  protected:
    EmbeddingTest()
        : folder_(Folder() + "/embeddings/" + GetParam()),
          values_(ReadValues("embeddings/" + GetParam() + "/values.json")) {}

    void Load() {
        auto files = OpenModel(Folder() + "/" + values_["model"].get<std::string>());
        GOLDEN_ASSERT_OK(files.status());
        files_ = *std::move(files);
        auto model = Model::Load(*files_, {.compute = ComputeType::kF32}, context_);
        GOLDEN_ASSERT_OK(model.status());
        model_ = *std::move(model);
        const auto config = LoadAdapter(*model_, folder_, context_);
        GOLDEN_ASSERT_OK(config.status());
        EXPECT_EQ(config->task_type, kFeatureExtraction);
        GOLDEN_ASSERT_OK(model_->PrepareTraining(128, false));
        learner_ = std::make_unique<LoraLearner>(*model_, *config, true, context_);
        EmbeddingTraining training;
        training.pooling = values_["pooling"] == "mean" ? Pooling::kMean : Pooling::kLast;
        training.C = files_->config.hidden_size;
        if (values_["loss"] == "custom") {
            auto program = OpenLossProgram(
                HONE_SOURCE_DIR "/examples/losses/contrastive.py:EuclideanContrastiveLoss");
            if (!program.ok() &&
                std::string(program.status().message()).find("no torch") != std::string::npos)
                GTEST_SKIP() << "the python3 of PATH has no torch";
            GOLDEN_ASSERT_OK(program.status());
            auto loss = std::make_shared<ProgramPairLoss>(*std::move(program));
            GOLDEN_ASSERT_OK(loss->Check(files_->config.hidden_size));
            training.loss = std::move(loss);
        } else {
            EmbeddingOptions options;
            options.margin = values_["margin"];
            options.temperature = values_["temperature"];
            training.loss = MakePairLoss(values_["loss"].get<std::string>(), options);
        }
        embedder_ = std::make_unique<Embedder>(std::move(training), *learner_, 8);
    }

    std::vector<Example> Pairs() const {
        std::vector<Example> pairs;
        for (const Json& row : values_["pairs"]) {
            Example& pair = pairs.emplace_back();
            pair.kind = LabelKind::kPair;
            pair.row = static_cast<int64_t>(pairs.size()) - 1;
            pair.score = row["score"];
            for (const char* text : {"text_a", "text_b"}) {
                const auto tokens = row[text].get<std::vector<int32_t>>();
                pair.second = static_cast<int64_t>(pair.tokens.size());
                pair.tokens.insert(pair.tokens.end(), tokens.begin(), tokens.end());
            }
            pair.weights.assign(pair.tokens.size(), 0.0f);
        }
        return pairs;
    }

    std::string folder_;
    Json values_;
    Context context_{2};
    std::unique_ptr<ModelFiles> files_;
    std::unique_ptr<Model> model_;
    std::unique_ptr<LoraLearner> learner_;
    std::unique_ptr<Embedder> embedder_;
};

TEST_P(EmbeddingTest, EmbeddingsAreThoseOfTransformers) {
    Load();
    if (IsSkipped()) return;
    const int64_t C = files_->config.hidden_size;
    const Batch batch = Pack(Pairs());
    std::vector<float> hidden(static_cast<size_t>(batch.size() * C));
    GOLDEN_ASSERT_OK(model_->Hidden(context_, batch, hidden.data()));
    ASSERT_EQ(values_["embeddings"].size(), static_cast<size_t>(batch.num_documents()));
    for (int64_t d = 0; d < batch.num_documents(); ++d) {
        const int64_t begin = batch.document_starts[d], end = batch.document_starts[d + 1];
        const std::vector<float> own =
            Pool(values_["pooling"] == "mean" ? Pooling::kMean : Pooling::kLast,
                 hidden.data() + begin * C, end - begin, C);
        const auto expected =
            values_["embeddings"][static_cast<size_t>(d)].get<std::vector<float>>();
        const double error = WorstElement(own, expected);
        EXPECT_LT(error, 1e-4) << d;
        testkit::deviation_table.Note(GetParam(), "embeddings", error);
    }
}

TEST_P(EmbeddingTest, GradientsAndStepsAreThoseOfPeft) {
    const std::vector<Example> pairs = Pairs();
    // In several passes and in one.
    for (const int64_t tokens : {24, 128}) {
        SCOPED_TRACE(tokens);
        Load();
        if (IsSkipped()) return;
        AdamWOfModel adamw(*model_);
        const std::vector<Batch> batches = CutMicroBatches(pairs, tokens);
        std::vector<int64_t> rows(pairs.size());
        std::iota(rows.begin(), rows.end(), 0);
        const auto gradients = OpenSafetensors(folder_ + "/gradients.safetensors").value();
        for (size_t step = 0; step < values_["steps"].size(); ++step) {
            ZeroGradients(*model_);
            size_t bad = 0;
            const auto sums = embedder_->Gradients(
                rows, batches, [](size_t) { return 0; }, [](int64_t) { return true; }, &bad);
            GOLDEN_ASSERT_OK(sums.status());
            const double expected = values_["steps"][step];
            const double tolerance = step == 0 ? 1e-4 : 1e-3;
            const double error = std::abs(sums->MeanLoss() / expected - 1);
            EXPECT_LE(error, tolerance) << "step " << step + 1;
            testkit::deviation_table.Note(GetParam(), step == 0 ? "loss" : "trajectory", error);
            for (const StoredTensor& tensor : gradients->tensors()) {
                if (step > 0) break;
                std::string name = tensor.name;
                const std::string embedding = files_->tensors.front().hf_name;
                name.insert(std::string("base_model.model.").size(),
                            embedding.substr(0, embedding.find('.') + 1));
                const std::vector<float> own = AsStored(*model_, name, Gradients(*model_, name));
                const double off = RelativeError(own, ReadTensor(tensor).value());
                EXPECT_LT(off, 1e-3) << tensor.name;
                testkit::deviation_table.Note(GetParam(), "gradients", off);
            }
            adamw.Step(context_, {.learning_rate = values_["rate"]});
        }
        EXPECT_EQ(gradients->tensors().size(), model_->parameters().slices().size());
    }
}

INSTANTIATE_TEST_SUITE_P(Golden, EmbeddingTest, ::testing::ValuesIn(EmbeddingCases()), TestName);

}  // namespace
}  // namespace hone::golden
