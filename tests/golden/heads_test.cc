// Heads of labels against transformers and peft (tools/golden/heads.py): logits, loss, the gradient
// of every trained tensor, and five steps of AdamW.
#include <filesystem>

#include "adapt/adapter_head.h"
#include "golden.h"
#include "steps.h"

namespace hone::golden {
namespace {

using Json = nlohmann::json;

std::vector<std::string> HeadCases() {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(Folder() + "/heads"))
        names.push_back(entry.path().filename().string());
    std::sort(names.begin(), names.end());
    return names;
}

class HeadTest : public testing::TestWithParam<std::string> {
  protected:
    HeadTest()
        : folder_(Folder() + "/heads/" + GetParam()),
          values_(ReadValues("heads/" + GetParam() + "/values.json")) {}

    // The model with the case's adapter and head, in f32.
    void Load() {
        auto files = OpenModel(Folder() + "/" + values_["model"].get<std::string>());
        GOLDEN_ASSERT_OK(files.status());
        files_ = *std::move(files);
        GOLDEN_ASSERT_OK(UseAdapterHead(folder_, *files_));
        if (values_["loss_kind"] == "multi") files_->config.multi_label = true;
        LoadOptions options{.compute = ComputeType::kF32};
        options.focal_gamma = values_["focal_gamma"];
        auto model = Model::Load(*files_, options, context_);
        GOLDEN_ASSERT_OK(model.status());
        model_ = *std::move(model);
        GOLDEN_ASSERT_OK(LoadAdapter(*model_, folder_, context_).status());
        GOLDEN_ASSERT_OK(model_->PrepareTraining(64, false));
    }

    std::vector<Example> Documents() const {
        const bool tokens = values_["kind"] == "token", multi = values_["loss_kind"] == "multi";
        std::vector<Example> documents;
        for (const Json& row : values_["documents"]) {
            Example& example = documents.emplace_back();
            example.tokens = row["tokens"].get<std::vector<int32_t>>();
            example.weights.assign(example.tokens.size(), 0.0f);
            example.kind = tokens ? LabelKind::kToken : LabelKind::kSequence;
            if (multi) example.weights.back() = 1;
            for (const Json& label : row["labels"]) {
                const TokenLabel one{label[0], label[1]};
                example.labels.push_back(one);
                const float weight = values_["class_weights"][static_cast<size_t>(one.label)];
                example.weights[static_cast<size_t>(one.token)] = multi ? 1.0f : weight;
            }
        }
        return documents;
    }

    std::string folder_;
    Json values_;
    Context context_{2};
    std::unique_ptr<ModelFiles> files_;
    std::unique_ptr<Model> model_;
};

TEST_P(HeadTest, LogitsAreThoseOfTransformers) {
    Load();
    EXPECT_EQ(files_->config.architecture, values_["architecture"]);
    EXPECT_EQ(files_->config.labels.size(), values_["labels"].get<size_t>());
    const std::vector<Example> documents = Documents();
    const Batch batch = Pack(documents);
    const auto V = static_cast<size_t>(files_->config.outputs());
    std::vector<float> logits(static_cast<size_t>(batch.size()) * V);
    GOLDEN_ASSERT_OK(model_->Logits(context_, batch, logits.data()));
    for (size_t d = 0; d < documents.size(); ++d) {
        const Json& expected = values_["logits"][d];
        const bool tokens = values_["kind"] == "token";
        for (size_t i = 0; i < expected.size(); ++i) {
            const auto last = static_cast<int32_t>(documents[d].tokens.size()) - 1;
            const int32_t token = tokens ? documents[d].labels[i].token : last;
            const auto at = static_cast<size_t>(batch.document_starts[d] + token);
            const auto of_reference = expected[i].get<std::vector<float>>();
            const double error = WorstElement(std::span(logits).subspan(at * V, V), of_reference);
            EXPECT_LT(error, 1e-4);
            testkit::deviation_table.Note(GetParam(), "logits", error);
        }
    }
}

TEST_P(HeadTest, GradientsAndStepsAreThoseOfPeft) {
    Load();
    AdamWOfModel adamw(*model_);
    const Batch batch = Pack(Documents());
    const auto scale = static_cast<float>(1 / batch.TotalWeight());
    const auto gradients = OpenSafetensors(folder_ + "/gradients.safetensors").value();
    for (size_t step = 0; step < values_["steps"].size(); ++step) {
        ZeroGradients(*model_);
        const auto sums = model_->ForwardBackward(context_, batch, scale, 0);
        GOLDEN_ASSERT_OK(sums.status());
        const double loss = sums->loss / sums->weight, expected = values_["steps"][step];
        // As of the other golden values: of a loss 1e-4, of what training makes of it 1e-3.
        const double tolerance = step == 0 ? 1e-4 : 1e-3;
        const double error = std::abs(loss / expected - 1);
        EXPECT_LE(error, tolerance) << "step " << step + 1;
        testkit::deviation_table.Note(GetParam(), step == 0 ? "loss" : "trajectory", error);
        const auto evaluated = model_->Evaluate(context_, batch);
        GOLDEN_ASSERT_OK(evaluated.status());
        EXPECT_NEAR(evaluated->loss, sums->loss, 1e-5 * std::abs(sums->loss));
        EXPECT_EQ(evaluated->correct, sums->correct);
        for (const StoredTensor& tensor : gradients->tensors()) {
            if (step > 0) break;
            const std::vector<float> own =
                AsStored(*model_, tensor.name, Gradients(*model_, tensor.name));
            const double off = RelativeError(own, ReadTensor(tensor).value());
            EXPECT_LT(off, 1e-3) << tensor.name;
            testkit::deviation_table.Note(GetParam(), "gradients", off);
        }
        adamw.Step(context_, {.learning_rate = values_["rate"]});
    }
    EXPECT_EQ(gradients->tensors().size(), model_->parameters().slices().size());
}

INSTANTIATE_TEST_SUITE_P(Golden, HeadTest, testing::ValuesIn(HeadCases()), TestName);

}  // namespace
}  // namespace hone::golden
