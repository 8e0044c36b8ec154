// Twenty steps with a teacher, against torch (tools/golden/distillation.py).
#include <cmath>
#include <fstream>

#include "adapt/lora.h"
#include "base/testing.h"
#include "data/load/token_store.h"
#include "golden.h"
#include "train/control/testing.h"
#include "train/loop/trainer.h"
#include "train/method/lora.h"

namespace hone::golden {
namespace {

using Json = nlohmann::json;

const Json& DistillationValues() {
    static const Json values = [] {
        std::ifstream file(Folder() + "/preferences/distillation.json");
        return Json::parse(file);
    }();
    return values;
}

std::shared_ptr<const Dataset> DistillationRows() {
    auto store = std::make_shared<TokenStore>(int64_t{1} << 30, "");
    store->files = {"rows"};
    std::vector<int64_t> indices;
    for (const Json& row : DistillationValues()["rows"]) {
        Example example;
        for (const Json& id : row) example.tokens.push_back(id.get<int32_t>());
        example.weights.assign(example.tokens.size(), 1.0f);
        indices.push_back(store->Append(example, 0, 1).value());
    }
    ExpectOk(store->Finish());
    return std::make_shared<Dataset>(store, indices);
}

class DistillationTest : public testing::TestWithParam<int> {};

TEST_P(DistillationTest, TwentyStepsAreThoseOfTorch) {
    const Context context(2);
    const Json &golden = DistillationValues()["cases"][GetParam()],
               &settings = DistillationValues()["settings"];
    Loaded teacher = LoadBase(Folder() + "/models/" + golden["teacher"].get<std::string>(),
                              ComputeType::kF32, context);
    Loaded loaded = LoadBase(Folder() + "/models/tied", ComputeType::kF32, context);
    const LoraConfig config =
        LoadAdapter(*loaded.model, Folder() + "/preferences/start", context).value();
    ExpectOk(loaded.model->PrepareTraining(128, false));
    LoraLearner learner(*loaded.model, config, true, context);
    TestFolder folder;
    Watched watched;
    const BatcherOptions batcher{.batch_size = settings["batch_size"], .shuffle = false};
    StepPlan plan = StepPlan::Create(DistillationRows(), batcher).value();
    TrainerOptions options;
    options.total_steps = settings["steps"];
    options.schedule = {.learning_rate = settings["learning_rate"],
                        .total_steps = options.total_steps};
    options.distillation = {.teacher = std::move(teacher.model),
                            .alpha = golden["alpha"],
                            .temperature = golden["temperature"]};
    options.micro_batch_tokens = 16;
    options.logging_steps = 1;
    options.checkpoints = folder / "checkpoints";
    auto trainer =
        Trainer::Create(options, learner, plan, nullptr, watched.events, watched.poll, context);
    ExpectOk(trainer.status());
    ExpectOk((*trainer)->Run());
    ASSERT_EQ(watched.heard.steps.size(), golden["steps"].size());
    for (size_t i = 0; i < golden["steps"].size(); ++i) {
        const StepReport& step = watched.heard.steps[i];
        std::map<std::string, double> ours = {{"loss", step.step_loss},
                                              {"grad_norm", step.grad_norm}};
        for (const auto& [name, value] : step.metrics) ours[name] = value;
        for (const auto& [name, value] : golden["steps"][i].items()) {
            const double theirs = value;
            ASSERT_TRUE(ours.contains(name)) << name;
            EXPECT_NEAR(ours[name], theirs, (name == "grad_norm" ? 1e-3 : 1e-4) * theirs)
                << name << " of step " << i + 1;
            if (name == "loss")
                testkit::deviation_table.Note(fmt::format("distillation-{}", GetParam()),
                                              "trajectory", std::abs(ours[name] / theirs - 1));
        }
    }
}

INSTANTIATE_TEST_SUITE_P(Golden, DistillationTest, testing::Range(0, 2));

// The gradient of every weight, the tied embedding's part in the head among them, is the slope of
// the loss; and an evaluation gives the loss that it is the slope of.
TEST(DistilledGradientTest, IsTheSlopeOfEveryWeight) {
    const Context context(2);
    for (const char* name : {"tied-full", "gemma2-full"}) {
        const Case golden(name);
        Loaded loaded = LoadTrained(golden, ComputeType::kF32, context);
        Loaded teacher = LoadBase(golden.model_folder(), ComputeType::kF32, context);
        const int64_t V = teacher.model->config().outputs();
        std::vector<float> memory(kMostLogitRows * V);
        // Another model than the student: its own logits, halved and turned around.
        const Batch batch = Pack(golden.documents());
        const auto with = [&](const auto& pass) {
            ExpectOk(teacher.model->WithLogits(context, batch, [&](const RowLogits& logits) {
                const SoftTargets targets = {
                    .logits =
                        [&](const std::vector<int64_t>& rows, float* out) {
                            logits(rows, out);
                            const auto end = out + static_cast<int64_t>(rows.size()) * V;
                            for (float* value = out; value != end; ++value) *value *= -0.5f;
                        },
                    .teacher_V = V,
                    .memory = memory.data(),
                    .alpha = 0.7f,
                    .temperature = 2};
                return pass(targets);
            }));
        };
        ZeroGradients(*loaded.model);
        DistilledSums trained;
        with([&](const SoftTargets& targets) {
            auto sums = loaded.model->DistilForwardBackward(context, batch, targets, 0.25f, 1);
            trained = sums.value_or(DistilledSums{});
            return sums.status();
        });
        const auto loss = [&] {
            DistilledSums sums;
            with([&](const SoftTargets& targets) {
                auto evaluated = loaded.model->DistilEvaluate(context, batch, targets);
                sums = evaluated.value_or(DistilledSums{});
                return evaluated.status();
            });
            EXPECT_EQ(sums.labels.labelled, trained.labels.labelled);
            return 0.3 * sums.labels.loss + 0.7 * sums.divergence;
        };
        EXPECT_NEAR(loss(), 0.3 * trained.labels.loss + 0.7 * trained.divergence,
                    1e-5 * trained.labels.loss);
        // Along the gradient the loss changes by the gradient's own square.
        ParameterSet& parameters = loaded.model->parameters();
        const std::vector<float> gradient(parameters.gradients().begin(),
                                          parameters.gradients().end()),
            values(parameters.values().begin(), parameters.values().end());
        for (const ParameterSlice& slice : parameters.slices()) {
            double square = 0;
            const int64_t begin = slice.offset, end = begin + slice.count;
            for (int64_t i = begin; i < end; ++i) square += double{gradient[i]} * gradient[i];
            if (square == 0) continue;
            const double step = 2e-3 / std::sqrt(square);
            const auto at = [&](double way) {
                for (int64_t i = begin; i < end; ++i)
                    parameters.values()[i] = values[i] + static_cast<float>(way * gradient[i]);
                loaded.model->ParametersChanged(context);
                return loss();
            };
            const double slope = (at(step) - at(-step)) / (2 * step) * 0.25;
            at(0);
            EXPECT_NEAR(slope, square, 0.02 * square) << name << " " << slice.name;
        }
    }
}

}  // namespace
}  // namespace hone::golden
