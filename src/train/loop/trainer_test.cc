#include "train/loop/trainer.h"

#include <gtest/gtest.h>

#include <chrono>
#include <random>
#include <thread>

#include "base/files/testing.h"
#include "base/watch.h"
#include "train/control/testing.h"
#include "train/loop/checkpoint.h"
#include "train/loop/testing.h"
#include "train/output/run_log.h"

namespace hone {
namespace {

using Json = nlohmann::ordered_json;

// One run of the loop over the fake learner, in a folder.
struct TestRun : Watched {
    explicit TestRun(const TestFolder& folder, const std::string& name = "out")
        : out(folder / name) {
        std::filesystem::create_directories(out);
        options.total_steps = 20;
        options.schedule.kind = ScheduleKind::kCosine;
        options.schedule.learning_rate = 0.05;
        options.schedule.warmup_steps = 3;
        options.schedule.total_steps = 20;
        options.optimizer.weight_decay = 0.1;
        options.micro_batch_tokens = 24;
        options.logging_steps = 3;
        options.save_steps = 5;
        options.save_total_limit = 0;
        options.checkpoints = out + "/checkpoints";
        options.configuration = {{"learning_rate", 0.05}};
    }
    absl::Status Start(const std::string& resume = "") {
        BatcherOptions batcher;
        batcher.batch_size = 5;
        StepPlan plan = StepPlan::Create(rows, batcher).value();
        auto created = Trainer::Create(options, learner, plan, eval, events, poll, context);
        HONE_RETURN_IF_ERROR(created.status());
        trainer = *std::move(created);
        if (!resume.empty()) HONE_RETURN_IF_ERROR(trainer->Restore(resume));
        HONE_ASSIGN_OR_RETURN(log, RunLog::Open(out + "/metrics.jsonl", "", trainer->history()));
        const ScopedSink log_listens(events, *log);
        return trainer->Run();
    }
    std::string Checkpoint(int64_t step) const {
        return fmt::format("{}/checkpoints/step-{}", out, step);
    }
    // Training rows of metrics.jsonl, without times and memory.
    std::vector<Json> Metrics() const {
        std::vector<Json> rows;
        std::istringstream lines(ReadFile(out + "/metrics.jsonl").value());
        for (std::string line; std::getline(lines, line);) {
            Json row = Json::parse(line);
            for (const char* key : {"tokens_per_second", "memory_bytes", "eval_seconds"})
                row.erase(key);
            rows.push_back(row);
        }
        return rows;
    }

    std::string out;
    TrainerOptions options;
    FakeLearner learner;
    std::shared_ptr<const Dataset> rows = MakeRows(33, 8), eval;
    Context context{1};
    std::unique_ptr<Trainer> trainer;
    std::unique_ptr<RunLog> log;
};

TEST(Trainer, LearnsLogsAndSaves) {
    TestFolder folder;
    TestRun run(folder);
    run.eval = MakeRows(4, 8);
    run.options.eval_steps = 8;
    ASSERT_TRUE(run.Start().ok());
    ASSERT_EQ(run.heard.steps.size(), 20u);
    EXPECT_LT(run.heard.steps.back().step_loss, 0.8 * run.heard.steps.front().step_loss);
    EXPECT_EQ(run.heard.checkpoints, (std::vector<int64_t>{5, 10, 15, 20}));
    EXPECT_EQ(run.heard.evals.size(), 3u);  // 8, 16 and the end
    EXPECT_EQ(run.heard.evals.back().step, 20);
    std::vector<int64_t> logged;
    for (const Json& row : run.Metrics())
        if (row.contains("loss")) logged.push_back(row["step"]);
    EXPECT_EQ(logged, (std::vector<int64_t>{3, 6, 9, 12, 15, 18, 20}));
    EXPECT_EQ(run.heard.steps[0].learning_rate, 0.0);  // warmup begins at 0, as in transformers
    EXPECT_EQ(run.heard.steps[3].learning_rate, 0.05);
    EXPECT_EQ(run.trainer->result().stop_reason, "all steps done");
    EXPECT_EQ(run.learner.changes, 20);
}

// A pass takes a minute on a clock that the test turns.
TEST(Trainer, SavesByTime) {
    TestFolder folder;
    auto saved = [&](const char* name, double save_minutes, int64_t save_steps, int64_t limit) {
        TestRun run(folder, name);
        double now = 0;
        run.options.clock = [&] { return now; };
        run.options.process_started_s = 0;
        run.options.micro_batch_tokens = 1000;  // one pass a step
        run.learner.on_pass = [&](int64_t) { now += 60; };
        run.options.save_minutes = save_minutes;
        run.options.save_steps = save_steps;
        run.options.save_total_limit = limit;
        EXPECT_TRUE(run.Start().ok());
        EXPECT_EQ(run.trainer->result().seconds, 20 * 60);
        std::vector<int64_t> kept;
        for (const auto& entry : ListCheckpoints(run.options.checkpoints))
            kept.push_back(entry.step);
        return std::pair(run.heard.checkpoints, kept);
    };
    using Steps = std::vector<int64_t>;
    EXPECT_EQ(saved("time", 6, 0, 2), std::pair(Steps({6, 12, 18, 20}), Steps({20, 18})));
    EXPECT_EQ(saved("both", 6, 5, 0).first, Steps({5, 10, 15, 20})) << "minutes after the last one";
    EXPECT_EQ(saved("more", 3, 5, 0).first, Steps({3, 5, 8, 10, 13, 15, 18, 20}));
    EXPECT_EQ(saved("never", 0, 0, 0).first, Steps({20}));
}

TEST(Trainer, ACheckpointByTimeIsGoneOnFromWithTheSameBits) {
    TestFolder folder;
    TestRun whole(folder, "whole"), first(folder, "first"), second(folder, "second");
    ASSERT_TRUE(whole.Start().ok());
    double now = 0;
    first.options.clock = [&] { return now; };
    first.options.save_steps = 0;
    first.heard.on_step = [&](const StepReport&) { now += 100; };
    ASSERT_TRUE(first.Start().ok());
    EXPECT_EQ(first.heard.checkpoints, (std::vector<int64_t>{6, 12, 18, 20}));
    ASSERT_TRUE(second.Start(first.Checkpoint(6)).ok());
    EXPECT_EQ(second.learner.Values(), whole.learner.Values());
}

// Seconds, tokens and memory of every process whose steps count.
TEST(Trainer, TheReportAddsUp) {
    TestFolder folder;
    TestRun first(folder), second(folder);
    double now = 0;
    for (TestRun* run : {&first, &second}) {
        run->options.clock = [&] { return now; };
        run->options.process_started_s = 0;
        run->options.process = {{"started", run == &first ? "1" : "2"}};
        run->heard.on_step = [&, run](const StepReport& report) {
            now += 10;
            if (run == &first && report.step == 7) run->control.Stop();
        };
    }
    EXPECT_EQ(KindOf(first.Start()), ErrorKind::kInterrupted);
    now = 0;
    ASSERT_TRUE(second.Start(first.Checkpoint(7)).ok());
    const RunResult result = second.trainer->result();
    ASSERT_EQ(result.processes.size(), 2u);
    EXPECT_EQ(result.processes[0]["started"], "1");
    EXPECT_EQ(result.processes[0]["last_step"], 7);
    EXPECT_EQ(result.processes[0]["seconds"], 70);
    EXPECT_EQ(result.processes[1]["first_step"], 7);
    EXPECT_EQ(result.processes[1]["last_step"], 20);
    EXPECT_EQ(result.processes[1]["seconds"], 130);
    EXPECT_EQ(result.seconds, 200);
    EXPECT_EQ(
        result.processes[0]["tokens"].get<int64_t>() + result.processes[1]["tokens"].get<int64_t>(),
        second.heard.steps.back().tokens);
    EXPECT_TRUE(second.trainer->finished());
}

TEST(Trainer, OtherKernelsAreSaidWhenARunIsGoneOnWith) {
    TestFolder folder;
    auto process = [](const char* simd, const char* gemm, int cores) {
        return Json{{"machine", {{"cores", cores}, {"simd", simd}, {"kernels", {{"gemm", gemm}}}}}};
    };
    TestRun first(folder);
    first.options.process = process("AVX-512", "avx512", 64);
    first.heard.on_step = [&](const StepReport& report) {
        if (report.step == 7) first.control.Stop();
    };
    EXPECT_EQ(KindOf(first.Start()), ErrorKind::kInterrupted);
    auto warnings = [&](const Json& now, const char* name) {
        TestRun second(folder, name);
        second.options.process = now;
        EXPECT_TRUE(second.Start(first.Checkpoint(7)).ok());
        return second.heard.warnings;
    };
    EXPECT_TRUE(warnings(process("AVX-512", "avx512", 2), "same").empty());
    const auto other = warnings(process("AVX2", "portable", 64), "other");
    ASSERT_EQ(other.size(), 1u);
    EXPECT_EQ(other[0],
              "the first 7 steps were computed by other kernels (simd: \"AVX-512\" there, \"AVX2\" "
              "here; kernels.gemm: \"avx512\" there, \"portable\" here): what follows is as right, "
              "but its last bits differ from those of a run that was not interrupted");
}

// As the layers of a large model do: each says how far it is, and is asked to end.
TEST(Trainer, AStepIsSeenAndEndsInItsMiddle) {
    struct LayeredLearner : FakeLearner {
        absl::StatusOr<LossSums> ForwardBackward(const Batch& batch, float scale,
                                                 uint64_t seed) override {
            HONE_RETURN_IF_ERROR(ReportProgress(0.5));
            return FakeLearner::ForwardBackward(batch, scale, seed);
        }
    };
    TestFolder folder;
    TestRun run(folder);
    LayeredLearner learner;
    BatcherOptions batcher;
    batcher.batch_size = 6;
    batcher.max_seq_len = 8;
    batcher.packing = false;
    StepPlan plan = StepPlan::Create(run.rows, batcher).value();
    run.options.micro_batch_tokens = 24;  // three rows at a time
    auto trainer =
        Trainer::Create(run.options, learner, plan, nullptr, run.events, run.poll, run.context)
            .value();
    learner.on_pass = [&](int64_t pass) {
        if (pass == 3) run.control.Stop();
    };
    using Seen = std::vector<std::pair<int64_t, double>>;
    Seen seen;
    run.heard.on_event = [&](const Event& event) {
        if (const auto* progress = std::get_if<StepProgress>(&event.body))
            seen.emplace_back(progress->step, progress->share);
    };
    EXPECT_EQ(KindOf(trainer->Run()), ErrorKind::kInterrupted);
    EXPECT_EQ(seen, (Seen{{1, 0}, {1, 0.25}, {1, 0.75}, {2, 0.25}}));
    EXPECT_EQ(trainer->step(), 1);
    EXPECT_EQ(run.heard.checkpoints, (std::vector<int64_t>{1}));
}

// In the middle of a step of several passes: the one before is saved, and the time that stood still
// counts for no speed.
TEST(Trainer, APauseSavesAndIsNoWork) {
    TestFolder folder;
    TestRun whole(folder, "whole"), held(folder);
    ASSERT_TRUE(whole.Start().ok());
    held.learner.on_pass = [&](int64_t) {
        if (held.trainer->step() == 7) held.control.Pause();
    };
    std::thread other;
    held.heard.on_event = [&](const Event& event) {
        if (!std::holds_alternative<RunPaused>(event.body)) return;
        EXPECT_EQ(held.heard.checkpoints.back(), 7);
        EXPECT_TRUE(VerifyCheckpoint(held.Checkpoint(7)).ok());
        other = std::thread([&] {
            held.learner.on_pass = nullptr;
            std::this_thread::sleep_for(std::chrono::milliseconds(500));
            held.control.Go();
        });
    };
    ASSERT_TRUE(held.Start().ok());
    other.join();
    EXPECT_EQ(held.learner.Values(), whole.learner.Values());
    EXPECT_EQ(held.Metrics(), whole.Metrics());
    const StepReport& step = held.heard.steps[7];
    EXPECT_LT(
        static_cast<double>(step.tokens - held.heard.steps[6].tokens) / step.tokens_per_second,
        0.4);
    EXPECT_LT(held.heard.steps.back().elapsed_s, 0.5);
}

TEST(Trainer, APauseThatCannotSaveEndsTheRun) {
    TestFolder folder;
    TestRun run(folder);
    run.options.save_steps = 0;
    run.heard.on_step = [&](const StepReport& report) {
        if (report.step == 3) run.control.Pause();
    };
    const FaultGuard guard([](std::string_view operation, const std::string& path) {
        return operation == "write" && path.find("step-3-") != path.npos ? ENOSPC : 0;
    });
    const absl::Status status = run.Start();
    EXPECT_EQ(KindOf(status), ErrorKind::kTraining) << status;
}

TEST(Trainer, ACancelSavesNothingMore) {
    TestFolder folder;
    TestRun run(folder);
    run.heard.on_step = [&](const StepReport& report) {
        if (report.step == 7) run.control.Cancel();
    };
    const absl::Status status = run.Start();
    EXPECT_EQ(KindOf(status), ErrorKind::kInterrupted);
    EXPECT_NE(status.message().find("cancelled after step 7 of 20; the last good checkpoint is"),
              std::string::npos)
        << status;
    EXPECT_EQ(run.heard.checkpoints, (std::vector<int64_t>{5}));
}

TEST(Trainer, AccumulationAndMicroBatchesDoNotChangeTheLoss) {
    TestFolder folder;
    auto losses = [&](const char* name, int64_t micro_batch_tokens) {
        TestRun run(folder, name);
        run.options.micro_batch_tokens = micro_batch_tokens;
        run.learner.push_size = 0;
        EXPECT_TRUE(run.Start().ok());
        std::vector<double> values;
        for (const auto& step : run.heard.steps) values.push_back(step.step_loss);
        return values;
    };
    auto whole = losses("whole", 10000), cut = losses("cut", 8);
    // The mean over all labels of the step either way; sums are rounded in another order.
    EXPECT_NEAR(whole[0], cut[0], 1e-12);
    EXPECT_NEAR(whole[5], cut[5], 1e-6);
    EXPECT_NEAR(whole[19], cut[19], 1e-5);
}

TEST(Trainer, ResumesWithTheSameBitsFromAnyCheckpoint) {
    TestFolder folder;
    TestRun whole(folder, "whole");
    whole.eval = MakeRows(4, 8);
    whole.options.eval_steps = 4;
    ASSERT_TRUE(whole.Start().ok());
    TestRandom random(1);
    for (int i = 0; i < 3; ++i) {
        const int64_t stop = random.Between(1, 19);
        TestRun first(folder, fmt::format("broken-{}", i));
        first.eval = whole.eval;
        first.options.eval_steps = 4;
        // In the middle of a step of several passes, which is dropped; a step of one pass is
        // finished.
        first.learner.on_pass = [&](int64_t) {
            if (first.trainer->step() == stop) first.control.Stop();
        };
        absl::Status status = first.Start();
        ASSERT_EQ(KindOf(status), ErrorKind::kInterrupted) << status;
        TestRun second(folder, fmt::format("broken-{}", i));
        second.eval = whole.eval;
        second.options.eval_steps = 4;
        const int64_t saved = first.trainer->step();
        EXPECT_TRUE(saved == stop || saved == stop + 1) << saved << " and " << stop;
        status = second.Start(first.Checkpoint(saved));
        ASSERT_TRUE(status.ok()) << status << ", stopped after " << stop;
        EXPECT_EQ(second.learner.Values(), whole.learner.Values()) << "stopped after " << stop;
        EXPECT_EQ(second.Metrics(), whole.Metrics()) << "stopped after " << stop;
        for (const char* file : {"adapter_model.safetensors", "optimizer.safetensors"})
            EXPECT_EQ(Sha256File(second.Checkpoint(20) + "/" + file).value(),
                      Sha256File(whole.Checkpoint(20) + "/" + file).value());
    }
}

TEST(Trainer, InterruptedInAnEvaluationItIsMadeAgain) {
    TestFolder folder;
    TestRun whole(folder, "whole"), first(folder, "out");
    for (TestRun* run : {&whole, &first}) {
        run->eval = MakeRows(4, 8);
        run->options.eval_steps = 6;
        run->options.eval_batch_size = 1;
    }
    ASSERT_TRUE(whole.Start().ok());
    first.learner.on_evaluate = [&] { first.control.Stop(); };
    ASSERT_EQ(KindOf(first.Start()), ErrorKind::kInterrupted);
    TestRun second(folder, "out");
    second.eval = whole.eval;
    second.options.eval_steps = 6;
    second.options.eval_batch_size = 1;
    ASSERT_TRUE(second.Start(first.Checkpoint(6)).ok());
    EXPECT_EQ(second.Metrics(), whole.Metrics());
}

TEST(Trainer, AnotherConfigurationIsRefusedByName) {
    TestFolder folder;
    TestRun first(folder);
    ASSERT_TRUE(first.Start().ok());
    TestRun second(folder);
    second.options.configuration = {{"learning_rate", 0.1}};
    absl::Status status = second.Start(first.Checkpoint(10));
    EXPECT_EQ(KindOf(status), ErrorKind::kUsage);
    EXPECT_NE(std::string(status.message()).find("learning_rate: 0.05 there, 0.1 here"),
              std::string::npos)
        << status;
}

TEST(Trainer, ANanLossNamesStepAndRowsAndKeepsTheCheckpoint) {
    TestFolder folder;
    TestRun run(folder);
    run.learner.on_pass = [&](int64_t pass) {
        if (run.trainer->step() == 9) run.learner.nan_at = pass;
    };
    absl::Status status = run.Start();
    EXPECT_EQ(KindOf(status), ErrorKind::kTraining);
    const std::string message(status.message());
    EXPECT_NE(message.find("step 10"), std::string::npos) << message;
    EXPECT_NE(message.find("rows.jsonl line "), std::string::npos) << message;
    EXPECT_NE(message.find("step-5"), std::string::npos) << message;
    EXPECT_TRUE(VerifyCheckpoint(run.Checkpoint(5)).ok());
    EXPECT_EQ(ListCheckpoints(run.out + "/checkpoints").size(), 1u);
}

TEST(Trainer, AnInfiniteGradientNamesStepAndParameter) {
    TestFolder folder;
    TestRun run(folder);
    run.learner.infinite_gradient_at = 3;
    absl::Status status = run.Start();
    EXPECT_EQ(KindOf(status), ErrorKind::kTraining);
    EXPECT_NE(std::string(status.message()).find("step 2: the gradient of norm.weight"),
              std::string::npos)
        << status;
    EXPECT_EQ(run.learner.changes, 1);  // the step was not taken
}

TEST(Trainer, AnEvaluationThatIsNoNumberFails) {
    TestFolder folder;
    TestRun run(folder);
    run.eval = MakeRows(2, 8);
    run.options.eval_steps = 5;
    run.learner.eval_losses = {INFINITY};
    EXPECT_EQ(KindOf(run.Start()), ErrorKind::kTraining);
}

TEST(Trainer, StopsEarlyAndLoadsTheBest) {
    TestFolder folder;
    TestRun run(folder);
    run.eval = MakeRows(2, 8);
    run.options.eval_steps = 2;
    run.options.early_stopping_patience = 2;
    run.options.load_best_model_at_end = true;
    run.options.save_total_limit = 2;
    run.learner.eval_losses = {3, 2, 2.5, 2.6, 1};
    std::vector<float> best;
    run.heard.on_step = [&](const StepReport& report) {
        if (report.step == 4) best = run.learner.Values();
    };
    ASSERT_TRUE(run.Start().ok());
    const RunResult result = run.trainer->result();
    EXPECT_TRUE(result.stopped_early);
    EXPECT_EQ(result.steps, 8);
    EXPECT_EQ(result.best_step, 4);
    EXPECT_EQ(result.best_eval->loss, 2);
    EXPECT_NE(result.stop_reason.find("2 evaluations"), std::string::npos);
    EXPECT_EQ(run.learner.Values(), best);
    std::vector<int64_t> kept;
    for (const auto& entry : ListCheckpoints(run.out + "/checkpoints")) kept.push_back(entry.step);
    EXPECT_EQ(kept, (std::vector<int64_t>{8, 4}));
}

TEST(Trainer, EarlyStoppingWithoutEvaluationRowsIsAUsageError) {
    TestFolder folder;
    TestRun run(folder);
    run.options.early_stopping_patience = 1;
    EXPECT_EQ(KindOf(run.Start()), ErrorKind::kUsage);
}

TEST(Trainer, SaysThatItOverfits) {
    TestFolder folder;
    TestRun run(folder);
    run.eval = MakeRows(2, 8);
    run.options.eval_steps = 5;
    run.learner.eval_losses = {1, 1.1, 1.2, 1.3};
    ASSERT_TRUE(run.Start().ok());
    ASSERT_EQ(run.heard.warnings.size(), 1u);
    EXPECT_NE(run.heard.warnings[0].find("overfitting"), std::string::npos);
    EXPECT_NE(run.heard.warnings[0].find("step 15"), std::string::npos);
}

TEST(Trainer, SaysOnceThatNothingIsLearned) {
    TestFolder folder;
    TestRun run(folder);
    run.learner.zero_gradients = true;
    ASSERT_TRUE(run.Start().ok());
    ASSERT_EQ(run.heard.warnings.size(), 1u);
    EXPECT_NE(run.heard.warnings[0].find("step 1: every gradient is zero"), std::string::npos);
}

TEST(Trainer, ADiskThatFillsUpLeavesTheLastCheckpoint) {
    TestFolder folder;
    // Every operation of the second checkpoint fails once.
    for (int failing = 0;; ++failing) {
        TestRun run(folder, fmt::format("out-{}", failing));
        int seen = 0;
        bool failed = false;
        FaultGuard guard([&](std::string_view, const std::string& path) {
            if (path.find("step-10") == std::string::npos || seen++ != failing) return 0;
            failed = true;
            return ENOSPC;
        });
        absl::Status status = run.Start();
        if (!failed) {
            EXPECT_TRUE(status.ok()) << status;
            EXPECT_GT(failing,
                      8);  // four files with create, write, sync and rename, and the folder
            break;
        }
        EXPECT_EQ(KindOf(status), ErrorKind::kTraining) << status;
        EXPECT_NE(std::string(status.message()).find("space"), std::string::npos) << status;
        EXPECT_TRUE(VerifyCheckpoint(run.Checkpoint(5)).ok());
        int entries = 0;
        for ([[maybe_unused]] const auto& entry :
             std::filesystem::directory_iterator(run.out + "/checkpoints"))
            ++entries;
        EXPECT_EQ(entries, 1) << "operation " << failing;
    }
}

TEST(Trainer, ALogThatCannotBeWrittenFailsTheRun) {
    TestFolder folder;
    TestRun run(folder);
    FaultGuard guard([&](std::string_view operation, const std::string& path) {
        return operation == "write" && path.ends_with("metrics.jsonl") && !run.heard.steps.empty()
                   ? ENOSPC
                   : 0;
    });
    EXPECT_EQ(KindOf(run.Start()), ErrorKind::kTraining);
}

}  // namespace
}  // namespace hone
