#include "train/run/odd_settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hone {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

struct Settings {
    Settings() {
        options.max_steps = 100;
        plan.total_steps = 100;
        schedule.kind = ScheduleKind::kLinear;
        schedule.total_steps = 100;
        schedule.warmup_steps = 3;
        parameters.Add("q.lora_A.weight", {8, 64}, true);
        parameters.Add("q.lora_B.weight", {64, 8}, true);
        parameters.Add("down.lora_A.weight", {8, 128}, true);
        parameters.Add("down.lora_B.weight", {64, 8}, true);
    }
    std::vector<std::string> Odd() const {
        return OddSettings(options, schedule, plan, parameters);
    }
    FinetuneOptions options;
    ScheduleOptions schedule;
    RunPlan plan;
    ParameterSet parameters;
};

TEST(OddSettings, NothingIsSaidOfAnOrdinaryRun) {
    Settings settings;
    EXPECT_THAT(settings.Odd(), IsEmpty());
    settings.schedule.kind = ScheduleKind::kConstant;
    settings.schedule.warmup_steps = 100;  // the default ratio, which this schedule does not use
    EXPECT_THAT(settings.Odd(), IsEmpty());
}

TEST(OddSettings, ALearningRateOfZeroAtEveryStep) {
    Settings settings;
    settings.schedule.total_steps = settings.plan.total_steps = 1;
    settings.schedule.warmup_steps = 1;
    EXPECT_THAT(settings.Odd(),
                ElementsAre(HasSubstr("is 0 at every step: the warmup of 1 step takes the whole "
                                      "run of 1 step, so nothing will be learned. Use "
                                      "--warmup_steps 0")));
    settings.options.learning_rate = settings.schedule.learning_rate = 0;
    EXPECT_THAT(settings.Odd(), ElementsAre(HasSubstr("--learning_rate 0: nothing")));
}

TEST(OddSettings, AWarmupThatIsTheWholeRun) {
    Settings settings;
    settings.schedule.warmup_steps = 99;
    EXPECT_THAT(settings.Odd(), IsEmpty());
    for (int64_t warmup : {100, 5000}) {
        settings.schedule.warmup_steps = warmup;
        EXPECT_THAT(settings.Odd(),
                    ElementsAre(HasSubstr("--learning_rate 0.0002 is never reached")));
    }
    settings.schedule.kind = ScheduleKind::kConstant;
    settings.options.warmup_steps = 5000;
    EXPECT_THAT(settings.Odd(), ElementsAre(HasSubstr("constant_with_warmup is the schedule")));
}

TEST(OddSettings, ARankAboveTheLayers) {
    Settings settings;
    settings.parameters.Add("v.lora_A.weight", {4096, 64}, true);
    settings.parameters.Add("v.lora_B.weight", {32, 4096}, true);
    EXPECT_THAT(settings.Odd(),
                ElementsAre(HasSubstr("rank 4096 is above what 1 of its 3 layers can use (they "
                                      "have at most 32 rows or columns)")));
    settings.parameters.Add("wte.lora_embedding_A", {4096, 5000}, true);
    settings.parameters.Add("wte.lora_embedding_B", {64, 4096}, true);
    EXPECT_THAT(settings.Odd(), ElementsAre(HasSubstr("of its 4 layers can use")));
}

TEST(OddSettings, FewSteps) {
    Settings settings;
    settings.schedule.total_steps = settings.plan.total_steps = 9;
    EXPECT_THAT(settings.Odd(), IsEmpty()) << "--max_steps says so";
    settings.options.max_steps = -1;
    EXPECT_THAT(settings.Odd(), ElementsAre(HasSubstr("The run has 9 steps in all")));
}

}  // namespace
}  // namespace hone
