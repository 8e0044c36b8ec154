#include "cli/terminal/progress.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hone {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(Progress, PlanSaysWhatAPersonWantsToKnow) {
    RunPlan plan;
    plan.model = "smollm2-135m-instruct";
    plan.architecture = "LlamaForCausalLM";
    plan.base_parameters = 134'515'008;
    plan.method = "lora r=16 alpha=16 on 210 layers";
    plan.trainable_parameters = 4'884'480;
    plan.compute = "bf16";
    plan.threads = 2;
    plan.train_rows = 100;
    plan.train_tokens = 12'345;
    plan.train_labelled_tokens = 6'000;
    plan.total_steps = 50;
    plan.step_batch = "8 rows";
    plan.steps_per_epoch = 10;
    plan.epochs = 5;
    plan.needed_bytes = 1'500'000'000;
    plan.available_bytes = 8'000'000'000;
    plan.output_path = "out";
    plan.estimated_seconds = 200;
    plan.data_summary = "training: 100 rows, 12345 tokens\nformat: chat messages\n10 % held out\n";
    const std::string text = PlanText(plan);
    for (const char* part :
         {"smollm2-135m-instruct", "134,515,008", "lora r=16", "4,884,480", "3.63 %", "100 rows",
          "12,345 tokens", "6,000", "50 of 8 rows (5.00 epochs of 10 steps)",
          "format: chat messages", "10 % held out", "about 3 min 20 s", "needs 1.5 GB, 8.0 GB free",
          "out"}) {
        EXPECT_THAT(text, HasSubstr(part));
    }
    EXPECT_THAT(text, Not(HasSubstr("continues")));
    EXPECT_THAT(text, Not(HasSubstr("training: 100")));  // said once
    plan.start_step = 20;
    EXPECT_THAT(PlanText(plan), HasSubstr("continues after step 20"));
}

TEST(Progress, LiveLineFitsAnyWidth) {
    StepReport report;
    report.step = 12;
    report.total_steps = 50;
    report.step_loss = 2.3456;
    report.tokens_per_second = 1234.4;
    report.memory_bytes = 1'200'000'000;
    report.remaining_s = 95;
    EXPECT_EQ(LiveStepText(report, 100),
              "[####                ]  12/50  loss 2.346  1,234 tokens/s  1.2 GB  1 min 35 s left");
    for (int width = 20; width < 120; ++width)
        EXPECT_LE(DisplayWidth(LiveStepText(report, width)), width);
}

TEST(Progress, ResultNamesTheCommandToTry) {
    RunResult result;
    result.output_path = "my out";
    result.artifact_path = "my out/adapter";
    result.steps = 50;
    result.first_eval = EvalReport{.step = 10, .loss = 3};
    result.best_eval = EvalReport{.step = 20, .loss = 2};
    result.last_eval = EvalReport{.step = 50, .loss = 2.5};
    const std::string text = ResultText(result, "base.gguf");
    EXPECT_THAT(text, HasSubstr("loss 3.0000 -> 2.5000, best 2.0000 at step 20"));
    EXPECT_THAT(
        text,
        HasSubstr("hone chat --model_name_or_path base.gguf --adapter_path 'my out/adapter'"));
    result.artifact = "model";
    result.artifact_path = "my out/model";
    EXPECT_THAT(ResultText(result, "base.gguf"),
                testing::EndsWith("hone chat --model_name_or_path 'my out/model'\n"));
}

TEST(Progress, BarIsBounded) {
    EXPECT_EQ(ProgressBar(0, 4), "[    ]");
    EXPECT_EQ(ProgressBar(0.5, 4), "[##  ]");
    EXPECT_EQ(ProgressBar(7, 4), "[####]");
    EXPECT_EQ(ProgressBar(-1, 4), "[    ]");
}

TEST(Progress, PullLineLeavesOutWhatIsNotKnown) {
    PullProgress progress;
    progress.file = "model.safetensors";
    progress.bytes = 12'000'000;
    EXPECT_EQ(PullLine(progress), "fetching model.safetensors 12 MB");
    progress.total_bytes = 24'000'000;
    progress.bytes_per_second = 3e6;
    progress.seconds_left = 4;
    EXPECT_EQ(
        PullLine(progress),
        "fetching model.safetensors [##########          ] 12 MB of 24 MB, 3.0 MB/s, 4.0 s left");
}

}  // namespace
}  // namespace hone
