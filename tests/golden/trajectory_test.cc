// Twenty training steps (of the other families five) from the same adapter, or of every weight,
// against torch's AdamW with transformers' schedules and clipping.
#include <cmath>

#include "golden.h"
#include "steps.h"
#include "train/schedule/schedule.h"

namespace hone::golden {
namespace {

struct Step {
    double loss = 0, grad_norm = 0, learning_rate = 0;
};

// One optimiser step, as values()["training"] says.
class Trajectory {
  public:
    Trajectory(const Case& golden, ComputeType compute, const Context& context)
        : training_(golden.values()["training"]),
          context_(context),
          loaded_(LoadTrained(golden, compute, context)),
          adamw_(*loaded_.model) {
        for (const nlohmann::json& documents : training_["batches"])
            batches_.push_back(Pack(Case::Examples(documents)));
        auto kind = ParseScheduleKind(training_["lr_scheduler_type"].get<std::string>());
        HONE_CHECK(kind.ok(), "{}", kind.status().ToString());
        schedule_.kind = *kind;
        schedule_.learning_rate = training_["learning_rate"];
        schedule_.warmup_steps = training_["warmup_steps"];
        schedule_.total_steps = static_cast<int64_t>(training_["steps"].size());
    }

    Model& model() { return *loaded_.model; }

    Step Run(int64_t step) {
        const int64_t accumulation = training_["gradient_accumulation_steps"];
        std::vector<const Batch*> chosen;
        double weight = 0;
        for (int64_t i = 0; i < accumulation; ++i) {
            chosen.push_back(&batches_[(step * accumulation + i) % batches_.size()]);
            weight += chosen.back()->TotalWeight();
        }
        ZeroGradients(model());
        LossSums sums;
        for (const Batch* batch : chosen) {
            auto one = model().ForwardBackward(context_, *batch, static_cast<float>(1 / weight), 0);
            ExpectOk(one.status());
            if (one.ok()) sums += *one;
        }
        EXPECT_NEAR(sums.weight, weight, 1e-6 * weight);
        double square = 0;
        for (float gradient : model().parameters().gradients())
            square += double{gradient} * gradient;
        const double norm = std::sqrt(square), limit = training_["max_grad_norm"];
        const double rate = LearningRate(schedule_, step);
        const double scale = limit > 0 && norm > limit ? limit / (norm + 1e-6) : 1;
        adamw_.Step(context_, {.learning_rate = rate,
                               .weight_decay = training_["weight_decay"],
                               .gradient_scale = static_cast<float>(scale)});
        return {sums.loss / sums.weight, norm, rate};
    }

  private:
    const nlohmann::json& training_;
    const Context& context_;
    Loaded loaded_;
    AdamWOfModel adamw_;
    std::vector<Batch> batches_;
    ScheduleOptions schedule_;
};

class TrajectoryTest : public testing::TestWithParam<std::string> {
  protected:
    Context context_{2};
    Case golden_{GetParam()};
};

TEST_P(TrajectoryTest, F32FollowsTorch) {
    Trajectory trajectory(golden_, ComputeType::kF32, context_);
    const nlohmann::json& steps = golden_.values()["training"]["steps"];
    ASSERT_GE(steps.size(), 5);
    for (size_t i = 0; i < steps.size(); ++i) {
        const Step step = trajectory.Run(static_cast<int64_t>(i));
        const double loss = steps[i]["loss"], norm = steps[i]["grad_norm"],
                     rate = steps[i]["learning_rate"];
        EXPECT_NEAR(step.loss, loss, 1e-4 * loss) << "step " << i;
        EXPECT_NEAR(step.grad_norm, norm, 1e-4 * norm) << "step " << i;
        golden_.Note("trajectory", std::abs(step.loss - loss) / loss);
        EXPECT_NEAR(step.learning_rate, rate, 1e-6 * rate) << "step " << i;
    }
    const std::vector<std::string> names = golden_.TensorsWith("final.");
    EXPECT_EQ(names.size() + golden_.values().value("not_compared", size_t{0}),
              trajectory.model().parameters().slices().size());
    for (const std::string& name : names)
        golden_.Note("final", ExpectGolden(golden_, trajectory.model(), "final", name, 1e-4));
}

TEST_P(TrajectoryTest, Bf16StaysNear) {
    Trajectory trajectory(golden_, ComputeType::kBF16, context_);
    const nlohmann::json& steps = golden_.values()["training"]["steps"];
    for (size_t i = 0; i < steps.size(); ++i) {
        const Step step = trajectory.Run(static_cast<int64_t>(i));
        const double loss = steps[i]["loss"];
        EXPECT_NEAR(step.loss, loss, 0.015 * loss) << "step " << i;
    }
}

INSTANTIATE_TEST_SUITE_P(Golden, TrajectoryTest, testing::ValuesIn(AllCaseNames()), TestName);

}  // namespace
}  // namespace hone::golden
