#include "cli/terminal/progress.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <string>

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
    plan.to_come_bytes = 900'000'000;
    plan.disk_bytes = 60'000'000;
    plan.free_disk_bytes = 70'000'000'000;
    plan.available_bytes = 8'000'000'000;
    plan.output_path = "out";
    plan.estimated_seconds = 200;
    plan.data_summary = "training: 100 rows, 12345 tokens\nformat: chat messages\n10 % held out\n";
    const std::string text = PlanText(plan);
    for (const char* part :
         {"smollm2-135m-instruct", "134,515,008", "lora r=16", "4,884,480", "3.63 %", "100 rows",
          "12,345 tokens", "6,000", "50 of 8 rows (5.00 epochs of 10 steps)",
          "format: chat messages", "10 % held out", "about 3 min 20 s",
          "needs 900 MB more, 8.0 GB free; 1.5 GB in all",
          "at most 60 MB for checkpoints and the result, 70.0 GB free", "out"}) {
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

TEST(Progress, NothingIsLeftAfterTheLastStep) {
    StepReport report{.step = 49, .total_steps = 50};
    EXPECT_THAT(LiveStepText(report, 100), HasSubstr("left"));
    EXPECT_THAT(PlainStepText(report), HasSubstr("left"));
    report.step = 50;
    EXPECT_THAT(LiveStepText(report, 100), Not(HasSubstr("left")));
    EXPECT_THAT(PlainStepText(report), Not(HasSubstr("left")));
}

TEST(Progress, ABarMovesWithinAStep) {
    EXPECT_EQ(LiveProgressText({.total_steps = 2, .share = 0.5, .remaining_s = 95}, 60),
              "[###         ]  0/2  step 1 at 50 %  1 min 35 s left");
    EXPECT_EQ(LiveProgressText({.done = 1, .total_steps = 2, .share = 0.5, .loss = 2.5}, 60),
              "[#########   ]  1/2  step 2 at 50 %  loss 2.500");
    EXPECT_EQ(LiveProgressText({}, 20), "[     ]  0/0");
}

TEST(Progress, WorkSaysWhatHowMuchAndHowLong) {
    EXPECT_EQ(WorkText({.what = "reading the model", .detail = "2.4 GB", .share = 0.25}, 4),
              "reading the model, 2.4 GB [#####               ] 25 %, 12 s left");
    EXPECT_EQ(WorkText({.what = "measuring", .share = 1}, 4),
              "measuring [####################] 100 %");
    EXPECT_EQ(WorkText({.what = "reading", .detail = "5 rows", .share = -1}, 4),
              "reading, 5 rows ...");
}

// A reporter that writes into a file, with a clock that the test turns.
class Silence : public testing::Test {
  protected:
    std::string Text() {
        std::fflush(file_);
        std::rewind(file_);
        std::string text;
        for (int c; (c = std::fgetc(file_)) != EOF;) text += static_cast<char>(c);
        std::fseek(file_, 0, SEEK_END);
        return text;
    }
    ~Silence() override { std::fclose(file_); }
    double now_ = 1000;
    std::FILE* file_ = std::tmpfile();
    void Tell(EventBody body) { EXPECT_TRUE(reporter_.OnEvent({.body = std::move(body)}).ok()); }

  private:
    ProgressReporter reporter_{"m", file_, [this] { return now_; }};
};

TEST_F(Silence, ALineAtLeastEveryHalfMinuteWithoutATerminal) {
    Tell(WorkReport{.what = "reading the model", .detail = "2.4 GB", .announced = true});
    EXPECT_EQ(Text(), "reading the model, 2.4 GB ...\n");
    now_ += 29;
    Tell(WorkReport{.what = "reading the model", .detail = "2.4 GB", .share = 0.25});
    EXPECT_EQ(Text(), "reading the model, 2.4 GB ...\n");
    now_ += 1;
    Tell(WorkReport{.what = "reading the model", .detail = "2.4 GB", .share = 0.25});
    EXPECT_THAT(Text(), testing::EndsWith("] 25 %, 1 min 30 s left\n"));
    now_ += 30;
    Tell(StepProgress{1, 4, 0.5});
    EXPECT_THAT(Text(), testing::EndsWith("  0/4  step 1 at 50 %\n"));
    Tell(StepProgress{1, 4, 0.6});
    StepReport step{.step = 1, .total_steps = 4, .loss = 2, .remaining_s = 90};
    Tell(step);
    EXPECT_THAT(Text(), testing::EndsWith("  0/4  step 1 at 50 %\n")) << "only --logging_steps";
    now_ += 30;
    Tell(step);
    EXPECT_THAT(Text(), testing::EndsWith("1 min 30 s left\n"));
    now_ += 30;
    Tell(WorkReport{.what = "evaluating", .share = 0.5});
    EXPECT_THAT(Text(), testing::EndsWith("] 50 %\n"));
}

TEST_F(Silence, APauseIsSaidAndTheEndOfOne) {
    Tell(RunPaused{});
    Tell(RunResumed{65});
    EXPECT_EQ(Text(), "paused\ngoing on after 1 min 05 s\n");
    Tell(RunFinished{.trained = false});
    Tell(RunFailed{"invalid_data", "the command prints it", 3});
    EXPECT_EQ(Text(), "paused\ngoing on after 1 min 05 s\n");
}

// As where the reader of a pipe went away: what cannot be shown is dropped, and what can be shown
// later is not spoiled by it.
TEST(LiveLine, WhatCannotBeWrittenIsDropped) {
    std::FILE* full = std::fopen("/dev/full", "w");
    ASSERT_NE(full, nullptr);
    LiveLine line(full);
    line.Say("a line");
    EXPECT_EQ(std::fflush(full), 0);
    EXPECT_EQ(std::fclose(full), 0);
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
