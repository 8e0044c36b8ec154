// What a whole run tells: its events, and run.json from the first second to the end, whatever that
// is.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "base/error_report.h"
#include "train/tiny_job.h"

namespace hone {
namespace {

using Json = nlohmann::ordered_json;
using testing::ElementsAre;

struct EvaluatedJob : Job {
    explicit EvaluatedJob(const TestFolder& folder, const std::string& name = "out")
        : Job(folder, name) {
        options.data.eval_split = std::nullopt;
        options.data.eval_fraction = 0.25;
        options.eval_steps = 4;
    }
    std::string RunText() const { return ReadFile(options.output_path + "/run.json").value(); }
};

TEST(Stages, TheStreamHasEachWithoutAGapAndReadsBack) {
    TestFolder folder;
    EvaluatedJob job(folder);
    ASSERT_TRUE(job.Run().ok());
    std::vector<RunStage> stages;
    std::set<size_t> types;
    int64_t sequence = 0, time_ms = 0;
    for (const Event& event : job.heard.all) {
        EXPECT_EQ(event.sequence, ++sequence);
        EXPECT_GE(event.time_ms, time_ms);
        time_ms = event.time_ms;
        auto read = ParseEvent(EventLine(event));
        ASSERT_TRUE(read.ok()) << read.status();
        EXPECT_EQ(read->body.index(), event.body.index());
        EXPECT_EQ(EventLine(*read), EventLine(event));
        types.insert(event.body.index());
        if (const auto* changed = std::get_if<StageChanged>(&event.body)) {
            EXPECT_EQ(changed->stage, event.stage);
            stages.push_back(event.stage);
        }
    }
    using enum RunStage;
    EXPECT_THAT(stages, ElementsAre(kValidating, kLoading, kTraining, kEvaluating, kTraining,
                                    kEvaluating, kTraining, kDelivering));
    for (const EventBody& body :
         {EventBody(WorkReport()), EventBody(RunPlan()), EventBody(StepProgress()),
          EventBody(StepReport()), EventBody(EvalReport()), EventBody(CheckpointSaved())})
        EXPECT_TRUE(types.contains(body.index())) << body.index();
    const auto& last = std::get<RunFinished>(job.heard.all.back().body);
    EXPECT_TRUE(last.trained);
    EXPECT_EQ(last.result.artifact_sha256, job.AdapterHash());
}

TEST(RunJson, IsThereFromTheFirstSecondAndFollowsTheStages) {
    TestFolder folder;
    EvaluatedJob job(folder);
    std::set<std::string> written, stages;
    job.heard.on_event = [&](const Event& event) {
        if (std::holds_alternative<StageChanged>(event.body)) return;  // it is written just then
        if (EndsRun(event.body)) return;
        written.insert(job.RunText());
        const Json run = job.RunJson();
        EXPECT_EQ(run["status"], "running");
        EXPECT_EQ(run["stage"], StageName(event.stage));
        EXPECT_EQ(run["options"]["lora_r"], 4);
        stages.insert(run["stage"]);
    };
    ASSERT_TRUE(job.Run().ok());
    EXPECT_EQ(stages.size(), 5u);
    // Eight stages were entered, and the folder was taken up once: no step is among them.
    EXPECT_LE(written.size(), 9u);
    EXPECT_EQ(job.RunJson()["status"], "done");
}

// Fails in one stage: makes what is wrong, runs, looks, and runs again without it.
void ExpectFailure(RunStage stage, ErrorKind kind, const std::function<void(EvaluatedJob&)>& spoil,
                   FileFault fault = nullptr) {
    SCOPED_TRACE(StageName(stage));
    TestFolder folder;
    {
        EvaluatedJob job(folder);
        spoil(job);
        const FaultGuard guard(std::move(fault));
        const absl::Status status = job.Run();
        ASSERT_EQ(KindOf(status), kind) << status;
        const Json run = job.RunJson();
        EXPECT_EQ(run["status"], "failed");
        EXPECT_EQ(run["stage"], StageName(stage));
        EXPECT_EQ(run["code"], ErrorCode(kind));
        EXPECT_EQ(run["error"], std::string(status.message()));
        const auto* failed = std::get_if<RunFailed>(&job.heard.all.back().body);
        ASSERT_NE(failed, nullptr);
        EXPECT_EQ(failed->code, ErrorCode(kind));
        EXPECT_EQ(failed->message, std::string(status.message()));
        EXPECT_EQ(failed->exit_code, static_cast<int>(kind));
        EXPECT_EQ(job.heard.all.back().stage, stage);
    }
    EvaluatedJob again(folder), whole(folder, "whole");
    ASSERT_TRUE(again.Run().ok());
    ASSERT_TRUE(whole.Run().ok());
    EXPECT_EQ(again.AdapterHash(), whole.AdapterHash());
    EXPECT_FALSE(again.RunJson().contains("error"));
}

TEST(RunJson, SaysInWhichStageARunFailedAndWhy) {
    const auto nothing = [](EvaluatedJob&) {};
    ExpectFailure(RunStage::kValidating, ErrorKind::kUsage,
                  [](EvaluatedJob& job) { job.options.learning_rate = -1; });
    ExpectFailure(RunStage::kValidating, ErrorKind::kModel, [](EvaluatedJob& job) {
        std::filesystem::create_directories(job.data + "-model");
        job.options.model_name_or_path = job.data + "-model";
    });
    ExpectFailure(RunStage::kValidating, ErrorKind::kData, [](EvaluatedJob& job) {
        ASSERT_TRUE(WriteFileAtomic(job.data, "{\"messages\": 1}\n").ok());
    });
    ExpectFailure(RunStage::kLoading, ErrorKind::kUsage,
                  [](EvaluatedJob& job) { job.options.lora.target_modules = {"no_such_proj"}; });
    ExpectFailure(RunStage::kTraining, ErrorKind::kTraining, nothing,
                  [](std::string_view operation, const std::string& path) {
                      return operation == "write" && path.find("step-2-") != path.npos ? ENOSPC : 0;
                  });
    bool evaluating = false;
    ExpectFailure(
        RunStage::kEvaluating, ErrorKind::kTraining,
        [&](EvaluatedJob& job) {
            job.heard.on_event = [&](const Event& event) {
                evaluating = event.stage == RunStage::kEvaluating;
            };
        },
        [&](std::string_view operation, const std::string& path) {
            return evaluating && operation == "write" && path.ends_with("metrics.jsonl") ? ENOSPC
                                                                                         : 0;
        });
    ExpectFailure(RunStage::kDelivering, ErrorKind::kTraining, nothing,
                  [](std::string_view operation, const std::string& path) {
                      return operation == "write" && path.find(".adapter-new") != path.npos ? ENOSPC
                                                                                            : 0;
                  });
}

// OUTPUT belongs to a run of other options or other data.
TEST(RunJson, OfAnotherRunStays) {
    TestFolder folder;
    EvaluatedJob first(folder);
    first.heard.on_step = [&](const StepReport& step) {
        if (step.step == 3) first.control.Stop();
    };
    ASSERT_EQ(KindOf(first.Run()), ErrorKind::kInterrupted);
    const std::string before = first.RunText();
    const auto refused = [&](ErrorKind kind, const std::function<void(EvaluatedJob&)>& change) {
        EvaluatedJob other(folder);
        change(other);
        const absl::Status status = other.Run();
        EXPECT_EQ(KindOf(status), kind) << status;
        EXPECT_EQ(other.RunText(), before) << status;
        EXPECT_TRUE(std::holds_alternative<RunFailed>(other.heard.all.back().body));
    };
    refused(ErrorKind::kUsage, [](EvaluatedJob& job) { job.options.learning_rate = 1e-3; });
    refused(ErrorKind::kData, [](EvaluatedJob& job) { job.options.data.data_name += "-missing"; });
    refused(ErrorKind::kUsage, [](EvaluatedJob& job) {
        std::string rows;
        for (int i = 0; i < 24; ++i) rows += Job::Row(i + 1);
        ASSERT_TRUE(WriteFileAtomic(job.data, rows).ok());
    });
    EvaluatedJob again(folder);
    EXPECT_TRUE(again.Run().ok());
}

TEST(RunJson, OfAFinishedRunStaysWhateverComes) {
    TestFolder folder;
    EvaluatedJob first(folder), again(folder), broken(folder);
    ASSERT_TRUE(first.Run().ok());
    const std::string before = first.RunText();
    ASSERT_TRUE(again.Run().ok());
    EXPECT_EQ(first.RunText(), before);
    const auto& last = std::get<RunFinished>(again.heard.all.back().body);
    EXPECT_FALSE(last.trained);
    EXPECT_EQ(last.result.steps, 8);
    broken.options.model_name_or_path = folder.path();
    ASSERT_FALSE(broken.Run().ok());
    EXPECT_EQ(first.RunText(), before);
}

// The same command, stopped before it has taken up the checkpoint; and one that fails there.
TEST(RunJson, OfTheSameRunIsGoneOnWith) {
    TestFolder folder;
    EvaluatedJob first(folder), stopped(folder), failed(folder);
    first.heard.on_step = [&](const StepReport& step) {
        if (step.step == 3) first.control.Stop();
    };
    ASSERT_EQ(KindOf(first.Run()), ErrorKind::kInterrupted);
    const std::string before = first.RunText();
    const Json data = first.RunJson()["data"];
    stopped.heard.on_event = [&](const Event& event) {
        if (event.stage != RunStage::kLoading || EndsRun(event.body)) return;
        EXPECT_EQ(stopped.RunJson()["status"], "running");
        stopped.control.Stop();
    };
    ASSERT_EQ(KindOf(stopped.Run()), ErrorKind::kInterrupted);
    EXPECT_EQ(stopped.RunText(), before);
    std::filesystem::remove(failed.data);
    ASSERT_EQ(KindOf(failed.Run()), ErrorKind::kData);
    const Json run = failed.RunJson();
    EXPECT_EQ(run["status"], "failed");
    EXPECT_EQ(run["stage"], "validating");
    EXPECT_EQ(run["data"], data) << "how a checkpoint's rows were put is still known";
    EXPECT_EQ(run["processes"], first.RunJson()["processes"]);
}

TEST(Stages, ADryRunEndsItsStreamToo) {
    TestFolder folder;
    EvaluatedJob job(folder);
    job.options.dry_run = true;
    ASSERT_TRUE(job.Run().ok());
    EXPECT_FALSE(std::get<RunFinished>(job.heard.all.back().body).trained);
    EXPECT_FALSE(std::filesystem::exists(folder / "out/run.json"));
}

}  // namespace
}  // namespace hone
