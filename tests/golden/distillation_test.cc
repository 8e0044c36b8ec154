// Twenty steps with a teacher, against torch (tools/golden/distillation.py).
#include <cmath>

#include "golden.h"
#include "steps.h"

namespace hone::golden {
namespace {

using Json = nlohmann::json;

class DistillationTest : public testing::TestWithParam<int> {};

TEST_P(DistillationTest, TwentyStepsAreThoseOfTorch) {
    const Context context(2);
    const Json values = ReadValues("preferences/distillation.json");
    const Json &golden = values["cases"][GetParam()], &settings = values["settings"];
    Loaded teacher = LoadBase(Folder() + "/models/" + golden["teacher"].get<std::string>(),
                              ComputeType::kF32, context);
    StartedRun run(context);
    TrainerOptions options;
    options.total_steps = settings["steps"];
    options.schedule = {.learning_rate = settings["learning_rate"],
                        .total_steps = options.total_steps};
    options.distillation = {.teacher = std::move(teacher.model),
                            .alpha = golden["alpha"],
                            .temperature = golden["temperature"]};
    options.micro_batch_tokens = 16;
    const std::vector<StepValues> ours = TakeSteps(
        LabelledRows(values["rows"]), {.batch_size = settings["batch_size"], .shuffle = false},
        std::move(options), *run.learner, context);
    ExpectSteps(ours, golden["steps"], fmt::format("distillation-{}", GetParam()),
                [](const std::string& name, double value) {
                    return (name == "grad_norm" ? 1e-3 : 1e-4) * value;
                });
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
