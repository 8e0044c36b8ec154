// Whole jobs, each by a real worker.
#include "platform/platform.h"

#include <gmock/gmock.h>
#include <signal.h>
#include <sys/resource.h>

#include "base/files/file.h"
#include "base/files/hash.h"
#include "platform/testing.h"

namespace hone::platform {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::MatchesRegex;

class PlatformTest : public testing::Test {
  protected:
    JobRequest Request(int examples = 12) {
        JobRequest request;
        request.model = "gpt-3.5-turbo";
        request.training_file = test_.Upload(TestPlatform::Chats(examples));
        request.seed = 7;
        request.hyperparameters.n_epochs = 2;
        return request;
    }
    Job Create(const JobRequest& request) {
        const auto job = jobs().Create(test_.caller, request);
        EXPECT_TRUE(job.ok()) << job.status();
        return *job;
    }
    std::string ModelHash(const std::string& model) {
        const auto place = test_.platform->models().Resolve(test_.caller, model);
        EXPECT_TRUE(place.ok()) << place.status();
        return Sha256File(place->adapter_path + "/adapter_model.safetensors").value();
    }
    std::vector<std::string> Messages(const std::string& id) {
        std::vector<std::string> messages;
        for (const JobEvent& event : test_.Events(id)) messages.push_back(event.message);
        return messages;
    }
    Jobs& jobs() { return test_.platform->jobs(); }

    TestPlatform test_;
};

TEST_F(PlatformTest, AJobRunsToAModelAndTellsEveryStep) {
    ASSERT_TRUE(test_.platform->Start().ok());
    JobRequest request = Request();
    request.validation_file = test_.Upload(TestPlatform::Chats(3, 100));
    request.suffix = "words";
    const Job created = Create(request);
    EXPECT_EQ(created.status, JobStatus::kValidatingFiles);
    EXPECT_EQ(created.model, "tiny");
    const Job job = test_.AwaitEnd(created.id);
    ASSERT_EQ(job.status, JobStatus::kSucceeded) << job.error->message;
    EXPECT_THAT(job.fine_tuned_model, MatchesRegex("ft:tiny:local:words:[A-Za-z0-9]{8}"));
    EXPECT_EQ(job.hyperparameters.batch_size, 1);
    EXPECT_EQ(job.hyperparameters.learning_rate_multiplier, 2);
    EXPECT_GT(*job.trained_tokens, 0);
    EXPECT_EQ(job.step, 24);
    const auto messages = Messages(job.id);
    ASSERT_EQ(messages.size(), 4 + 24 + 1 + 2u);
    EXPECT_EQ(messages[0], "Created fine-tuning job: " + job.id);
    EXPECT_EQ(messages[1], fmt::format("Validating training file: {} and validation file: {}",
                                       request.training_file, request.validation_file));
    EXPECT_EQ(messages[2], "Files validated, moving job to queued state");
    EXPECT_EQ(messages[3], "Fine-tuning job started");
    EXPECT_THAT(messages[4], MatchesRegex("Step 1/24: training loss=[0-9]+\\.[0-9]{2}, "
                                          "validation loss=[0-9]+\\.[0-9]{2}"));
    EXPECT_THAT(messages[15], HasSubstr("Step 12/24: training loss="));
    EXPECT_THAT(messages[15], HasSubstr(", validation loss="));
    EXPECT_THAT(messages[15], HasSubstr(", full validation loss="));
    EXPECT_THAT(messages[16], MatchesRegex("Checkpoint created at step 12 with Snapshot ID: "
                                           "ft:tiny:local:words:[A-Za-z0-9]{8}:ckpt-step-12"));
    EXPECT_EQ(messages[29], "New fine-tuned model created: " + job.fine_tuned_model);
    EXPECT_EQ(messages[30], "The job has successfully completed");
    const auto metrics = test_.Events(job.id)[15];
    EXPECT_EQ(metrics.type, "metrics");
    EXPECT_EQ(metrics.data["step"], 12);
    EXPECT_TRUE(metrics.data["full_valid_loss"].is_number());
    // Of one row, each time another one.
    EXPECT_TRUE(metrics.data["valid_mean_token_accuracy"].is_number());
    EXPECT_NE(metrics.data["valid_loss"], metrics.data["full_valid_loss"]);
    EXPECT_FALSE(test_.Events(job.id)[4].data.contains("full_valid_loss"));
    // The checkpoints are models, the last one the model itself.
    const auto checkpoints = jobs().Checkpoints(test_.caller, job.id, {"", 10, true}).value();
    ASSERT_EQ(checkpoints.data.size(), 2u);
    EXPECT_EQ(checkpoints.data[0].model, job.fine_tuned_model);
    EXPECT_EQ(checkpoints.data[1].step, 12);
    EXPECT_TRUE(checkpoints.data[1].metrics.full_valid_loss.has_value());
    EXPECT_TRUE(checkpoints.data[1].metrics.valid_loss.has_value());
    EXPECT_NE(ModelHash(checkpoints.data[1].model), ModelHash(job.fine_tuned_model));
    // The result file.
    ASSERT_EQ(job.result_files.size(), 1u);
    const std::string csv = test_.Content(job.result_files[0]);
    EXPECT_THAT(csv,
                testing::StartsWith(
                    "step,train_loss,train_accuracy,valid_loss,valid_mean_token_accuracy\n1,"));
    EXPECT_EQ(std::count(csv.begin(), csv.end(), '\n'), 25);
    EXPECT_THAT(csv, testing::Not(HasSubstr(",,")));  // each step has a validation loss
}

TEST_F(PlatformTest, AJobThatWasPausedKilledAndGoneOnWithHasTheSameBytes) {
    JobRequest request = Request(40);
    request.hyperparameters.n_epochs = 5;
    ASSERT_TRUE(test_.platform->Start().ok());
    const Job whole = test_.AwaitEnd(Create(request).id);
    ASSERT_EQ(whole.status, JobStatus::kSucceeded);
    // Paused and resumed, then stopped with the platform and gone on with by the next one.
    const std::string id = Create(request).id;
    test_.AwaitStep(id, 10);
    EXPECT_EQ(jobs().Pause(test_.caller, id)->status, JobStatus::kPaused);
    EXPECT_EQ(jobs().Resume(test_.caller, id)->status, JobStatus::kQueued);
    test_.Await(id, {JobStatus::kRunning});
    test_.AwaitStep(id, 60);
    test_.Open();
    ASSERT_TRUE(test_.platform->Start().ok());
    const Job broken = test_.AwaitEnd(id);
    ASSERT_EQ(broken.status, JobStatus::kSucceeded);
    EXPECT_EQ(ModelHash(broken.fine_tuned_model), ModelHash(whole.fine_tuned_model));
    // Each step was told once.
    std::vector<int64_t> steps;
    for (const JobEvent& event : test_.Events(id))
        if (event.type == "metrics") steps.push_back(event.data["step"]);
    std::vector<int64_t> expected(200);
    for (size_t i = 0; i < expected.size(); ++i) expected[i] = static_cast<int64_t>(i) + 1;
    EXPECT_EQ(steps, expected);
    EXPECT_EQ(test_.Content(broken.result_files[0]), test_.Content(whole.result_files[0]));
}

// What the children that were waited for have used, in milliseconds.
int64_t ChildrenMs() {
    rusage used{};
    getrusage(RUSAGE_CHILDREN, &used);
    return (int64_t{used.ru_utime.tv_sec} + used.ru_stime.tv_sec) * 1000 +
           (used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1000;
}

// The id of the worker's process.
pid_t WorkerOf(const std::string& data_dir, const std::string& job) {
    const auto text = ReadFile(fmt::format("{}/jobs/{}/worker.pid", data_dir, job));
    return text.ok() ? std::atoi(text->c_str()) : 0;
}

TEST_F(PlatformTest, TheProcessorTimeOfAllWorkersCounts) {
    ASSERT_TRUE(test_.platform->Start().ok());
    JobRequest request = Request(40);
    request.hyperparameters.n_epochs = 10;
    constexpr int64_t kRoundingMs = 4;  // of each worker's user and system time
    const int64_t before = ChildrenMs();
    const std::string id = Create(request).id;
    test_.AwaitStep(id, 40);
    const pid_t worker = WorkerOf(test_.options.data_dir, id);
    ASSERT_GT(worker, 1);
    kill(worker, SIGKILL);
    const Job job = test_.AwaitEnd(id);
    EXPECT_EQ(job.status, JobStatus::kSucceeded);
    const int64_t used = ChildrenMs() - before;
    EXPECT_NEAR(static_cast<double>(job.cpu_ms), static_cast<double>(used), kRoundingMs);
    EXPECT_GT(used, 0);

    // Of a job that is cancelled, also what its worker used until it left.
    const int64_t then = ChildrenMs();
    const std::string cancelled = Create(request).id;
    test_.AwaitStep(cancelled, 20);
    ASSERT_TRUE(jobs().Cancel(test_.caller, cancelled).ok());
    test_.platform->Stop();
    EXPECT_NEAR(static_cast<double>(jobs().Get(test_.caller, cancelled)->cpu_ms),
                static_cast<double>(ChildrenMs() - then), kRoundingMs);
}

TEST_F(PlatformTest, ACancelledJobEndsItsWorker) {
    ASSERT_TRUE(test_.platform->Start().ok());
    JobRequest request = Request(40);
    request.hyperparameters.n_epochs = 50;
    const std::string id = Create(request).id;
    test_.AwaitStep(id, 1);
    EXPECT_EQ(jobs().Cancel(test_.caller, id)->status, JobStatus::kCancelled);
    EXPECT_EQ(RefusalOf(jobs().Cancel(test_.caller, id).status()).kind, RefusalKind::kConflict);
    EXPECT_EQ(RefusalOf(jobs().Pause(test_.caller, id).status()).kind, RefusalKind::kConflict);
    // Its place is free for the next one.
    EXPECT_EQ(test_.AwaitEnd(Create(Request()).id).status, JobStatus::kSucceeded);
    EXPECT_EQ(Messages(id).back(), "Fine-tuning job cancelled");
}

TEST_F(PlatformTest, AFileWithBadLinesFailsTheJobAndNamesEachLine) {
    ASSERT_TRUE(test_.platform->Start().ok());
    JobRequest request = Request();
    request.training_file = test_.Upload(TestPlatform::Chats(12) + "{\"prompt\": 1}\nnonsense\n" +
                                         R"({"messages":[{"role":"user","content":"x"}]})" + "\n");
    const Job job = test_.AwaitEnd(Create(request).id);
    EXPECT_EQ(job.status, JobStatus::kFailed);
    EXPECT_EQ(job.error->code, "invalid_file_format");
    EXPECT_EQ(job.error->param, "training_file");
    EXPECT_THAT(job.error->message, HasSubstr("Example 13 (line 13)"));
    EXPECT_THAT(job.error->message, HasSubstr("Example 14 (line 14) cannot be parsed"));
    EXPECT_THAT(job.error->message,
                HasSubstr("Example 15 (line 15) has no message from the assist"));
    request.training_file = test_.Upload(TestPlatform::Chats(7));
    const Job few = test_.AwaitEnd(Create(request).id);
    EXPECT_EQ(few.error->code, "invalid_n_examples");
    EXPECT_EQ(few.error->message,
              "Training file has 7 example(s), but must have at least 10 examples");
}

TEST_F(PlatformTest, AFineTunedModelIsContinued) {
    ASSERT_TRUE(test_.platform->Start().ok());
    JobRequest request = Request();
    const Job first = test_.AwaitEnd(Create(request).id);
    ASSERT_EQ(first.status, JobStatus::kSucceeded);
    request.model = first.fine_tuned_model;
    const Job second = test_.AwaitEnd(Create(request).id);
    ASSERT_EQ(second.status, JobStatus::kSucceeded) << second.error->message;
    EXPECT_EQ(second.model, first.fine_tuned_model);
    EXPECT_THAT(second.fine_tuned_model, MatchesRegex("ft:tiny:local::[A-Za-z0-9]{8}"));
    EXPECT_NE(ModelHash(second.fine_tuned_model), ModelHash(first.fine_tuned_model));
}

}  // namespace
}  // namespace hone::platform
