// Jobs that nothing runs: what clients see and may do; and what ends a worker badly.
#include "platform/jobs/jobs.h"

#include <gmock/gmock.h>

#include <atomic>
#include <memory>

#include "platform/testing.h"

namespace hone::platform {
namespace {

using testing::HasSubstr;

class JobsTest : public testing::Test {
  protected:
    Jobs& jobs() { return test_.platform->jobs(); }
    JobRequest Request() {
        if (file_.empty()) file_ = test_.Upload(TestPlatform::Chats(12));
        JobRequest request;
        request.model = "tiny";
        request.training_file = file_;
        return request;
    }
    std::string Create(std::optional<Metadata> metadata = {}) {
        JobRequest request = Request();
        request.metadata = std::move(metadata);
        return jobs().Create(test_.caller, request).value().id;
    }
    std::vector<std::string> Listed(const JobFilter& filter) {
        std::vector<std::string> ids;
        const auto page = jobs().List(test_.caller, filter, {"", 100, true}).value();
        for (const Job& job : page.data) ids.push_back(job.id);
        return ids;
    }
    // A worker that is this shell script; the real one is "$HONE".
    void UseWorker(const std::string& script) {
        const std::string hone = test_.options.worker_program;
        test_.options.worker_program =
            test_.folder.Write("worker.sh", fmt::format("#!/bin/sh\nHONE={}\n{}\n", hone, script));
        std::filesystem::permissions(test_.options.worker_program,
                                     std::filesystem::perms::owner_all);
        test_.Open();
        ASSERT_TRUE(test_.platform->Start().ok());
    }
    TestPlatform test_;
    std::string file_;
};

TEST_F(JobsTest, WhatAJobNeedsMustBeThere) {
    const std::string id = Create();
    auto writer = test_.platform->files().Begin(test_.caller).value();
    ASSERT_TRUE(writer->Append("x").ok());
    const std::string other = writer->Finish({"x", "batch", 0}).value().id;
    const auto param = [&](const JobRequest& request) {
        return RefusalOf(jobs().Create(test_.caller, request).status()).param;
    };
    JobRequest request = Request();
    request.model = "gpt-9";
    EXPECT_EQ(param(request), "model");
    request = Request();
    request.training_file = "file-none";
    EXPECT_EQ(param(request), "training_file");
    request.training_file = other;
    EXPECT_EQ(param(request), "training_file");
    request = Request();
    request.validation_file = other;
    EXPECT_EQ(param(request), "validation_file");
    // A file that a job needs stays.
    EXPECT_EQ(RefusalOf(test_.platform->files().Delete(test_.caller, file_)).kind,
              RefusalKind::kConflict);
    ASSERT_TRUE(jobs().Cancel(test_.caller, id).ok());
    EXPECT_TRUE(test_.platform->files().Delete(test_.caller, file_).ok());
}

TEST_F(JobsTest, ListsAreFilteredByMetadata) {
    const std::string none = Create(), empty = Create(Metadata{}),
                      a = Create(Metadata{{"team", "a"}, {"run", ""}}),
                      b = Create(Metadata{{"team", "b"}});
    using testing::ElementsAre;
    EXPECT_THAT(Listed({}), ElementsAre(b, a, empty, none));
    EXPECT_THAT(Listed({{{"team", "a"}}, false}), ElementsAre(a));
    EXPECT_THAT(Listed({{{"run", ""}}, false}), ElementsAre(a));
    EXPECT_THAT(Listed({{{"team", "b"}, {"run", ""}}, false}), ElementsAre());
    EXPECT_THAT(Listed({{}, true}), ElementsAre(none));
    const auto page = jobs().List(test_.caller, {}, {a, 1, true}).value();
    EXPECT_EQ(page.data[0].id, empty);
    EXPECT_TRUE(page.has_more);
    EXPECT_TRUE(jobs().List(test_.caller, {}, {"ftjob-none", 10, true})->data.empty());
}

TEST_F(JobsTest, AreSearchedByStatusAndWords) {
    const auto create = [&](const std::string& suffix, std::optional<Metadata> metadata) {
        JobRequest request = Request();
        request.suffix = suffix;
        request.metadata = std::move(metadata);
        return jobs().Create(test_.caller, request).value().id;
    };
    const std::string limericks = create("Limericks", Metadata{{"team", "Red"}, {"100%", "a_b"}}),
                      sonnets = create("sonnets", Metadata{{"team", "Blue"}});
    ASSERT_TRUE(jobs().Cancel(test_.caller, sonnets).ok());
    const auto found = [&](std::vector<std::string> statuses, std::string text) {
        std::vector<std::string> ids;
        const auto page =
            jobs().Search(test_.caller, {std::move(statuses), std::move(text), ""}, {"", 10, true});
        EXPECT_TRUE(page.ok()) << page.status();
        for (const Job& job : page->data) ids.push_back(job.id);
        return ids;
    };
    using ::testing::ElementsAre;
    EXPECT_THAT(found({}, ""), ElementsAre(sonnets, limericks));
    EXPECT_THAT(found({"cancelled"}, ""), ElementsAre(sonnets));
    EXPECT_THAT(found({"validating_files", "cancelled"}, " tiny\tTEAM "),
                ElementsAre(sonnets, limericks));
    EXPECT_THAT(found({"cancelled"}, "limericks"), ElementsAre());
    EXPECT_THAT(found({}, "lime rick"), ElementsAre(limericks));
    EXPECT_THAT(found({}, "team=red"), ElementsAre(limericks));
    EXPECT_THAT(found({}, "red=team"), ElementsAre());
    EXPECT_THAT(found({}, sonnets), ElementsAre(sonnets));
    const auto from = [&](const std::string& model, const std::string& text) {
        return jobs().Search(test_.caller, {{}, text, model}, {})->data.size();
    };
    EXPECT_EQ(from("tiny", ""), 2u);
    EXPECT_EQ(from("tiny", "sonnets"), 1u);
    EXPECT_EQ(from("tin", ""), 0u);
    // What LIKE would take for any letters stands for itself.
    EXPECT_THAT(found({}, "0%"), ElementsAre(limericks));
    EXPECT_THAT(found({}, "%"), ElementsAre(limericks));
    EXPECT_THAT(found({}, "a_b"), ElementsAre(limericks));
    EXPECT_THAT(found({}, "s_nnets"), ElementsAre());
    EXPECT_THAT(found({}, "!"), ElementsAre());
    EXPECT_THAT(found({}, "'; drop table jobs; --"), ElementsAre());
    const auto page = jobs().Search(test_.caller, {}, {sonnets, 1, true}).value();
    ASSERT_EQ(page.data.size(), 1u);
    EXPECT_EQ(page.data[0].id, limericks);
    EXPECT_FALSE(page.has_more);
    const Caller stranger = Operator(test_.platform->keys().CreateProject("other")->id);
    EXPECT_TRUE(jobs().Search(stranger, {}, {})->data.empty());
    const auto param = [&](const JobSearch& search) {
        return RefusalOf(jobs().Search(test_.caller, search, {}).status()).param;
    };
    EXPECT_EQ(param({{"done"}, "", ""}), "status");
    EXPECT_EQ(param({{}, "1 2 3 4 5 6 7 8 9", ""}), "search");
    EXPECT_EQ(param({{}, std::string(257, 'x'), ""}), "search");
    EXPECT_EQ(param({{}, std::string(256, 'x'), ""}), "");
}

TEST_F(JobsTest, AnotherProjectsJobsAreNotFound) {
    const std::string id = Create();
    const Caller stranger = Operator(test_.platform->keys().CreateProject("other")->id);
    EXPECT_TRUE(jobs().List(stranger, {}, {})->data.empty());
    const std::vector<absl::Status> all = {
        jobs().Get(stranger, id).status(),
        jobs().Cancel(stranger, id).status(),
        jobs().Pause(stranger, id).status(),
        jobs().Resume(stranger, id).status(),
        jobs().Delete(stranger, id),
        jobs().Events(stranger, id, {}).status(),
        jobs().Checkpoints(stranger, id, {}).status(),
        jobs().Permissions(stranger, "ft:tiny:local::x", "", {}).status(),
        jobs().Permit(stranger, "ft:tiny:local::x", {stranger.project}).status(),
        jobs().Forbid(stranger, "ft:tiny:local::x", "cp_x")};
    for (const absl::Status& status : all)
        EXPECT_EQ(RefusalOf(status).kind, RefusalKind::kNotFound) << status;
    EXPECT_EQ(RefusalOf(all[0]).code, "fine_tune_not_found");
    // Nor are its files to be trained on.
    EXPECT_EQ(RefusalOf(jobs().Create(stranger, Request()).status()).param, "training_file");
    const Caller viewer = {test_.caller.project, Role::kViewer, "key_v"};
    EXPECT_EQ(RefusalOf(jobs().Create(viewer, Request()).status()).kind, RefusalKind::kForbidden);
    EXPECT_EQ(RefusalOf(jobs().Cancel(viewer, id).status()).kind, RefusalKind::kForbidden);
    EXPECT_TRUE(jobs().Get(viewer, id).ok());
}

TEST_F(JobsTest, AJobThatIsOverIsDeletedAndNothingBesideIt) {
    const std::string kept = Create(Metadata{{"team", "a"}}), id = Create(Metadata{{"team", "a"}});
    EXPECT_EQ(RefusalOf(jobs().Delete(test_.caller, id)).kind, RefusalKind::kConflict);
    ASSERT_TRUE(jobs().Cancel(test_.caller, id).ok());
    EXPECT_EQ(RefusalOf(jobs().Delete({test_.caller.project, Role::kViewer, "key"}, id)).kind,
              RefusalKind::kForbidden);
    ASSERT_TRUE(jobs().Delete(test_.caller, id).ok());
    EXPECT_EQ(RefusalOf(jobs().Get(test_.caller, id).status()).kind, RefusalKind::kNotFound);
    EXPECT_EQ(RefusalOf(jobs().Delete(test_.caller, id)).kind, RefusalKind::kNotFound);
    EXPECT_THAT(Listed({}), ::testing::ElementsAre(kept));
    EXPECT_THAT(Listed({{{"team", "a"}}, false}), ::testing::ElementsAre(kept));
    EXPECT_FALSE(test_.Events(kept).empty());
}

TEST_F(JobsTest, TheModelsOfADeletedJobStay) {
    ASSERT_TRUE(test_.platform->Start().ok());
    JobRequest request = Request();
    request.hyperparameters.n_epochs = 2;
    const Job job = test_.AwaitEnd(jobs().Create(test_.caller, request)->id);
    ASSERT_EQ(job.status, JobStatus::kSucceeded);
    EXPECT_GT(job.peak_memory_bytes, 1 << 20);
    EXPECT_GT(job.cpu_ms, 0);
    const auto by_model = jobs().Search(test_.caller, {{}, job.fine_tuned_model, ""}, {});
    ASSERT_EQ(by_model->data.size(), 1u);
    EXPECT_EQ(by_model->data[0].id, job.id);
    const size_t models = test_.platform->models().List(test_.caller)->size();
    ASSERT_TRUE(jobs().Delete(test_.caller, job.id).ok());
    EXPECT_EQ(test_.platform->models().List(test_.caller)->size(), models);
    EXPECT_TRUE(test_.platform->models().Resolve(test_.caller, job.fine_tuned_model).ok());
    EXPECT_FALSE(test_.Content(job.result_files.at(0)).empty());
    // Nor does the next start take them for leftovers.
    test_.Open();
    EXPECT_TRUE(test_.platform->models().Resolve(test_.caller, job.fine_tuned_model).ok());
}

TEST_F(JobsTest, AListenerHearsOfEachChange) {
    std::vector<std::string> heard;
    auto listening =
        jobs().Listen([&](const std::string&, const std::string& id) { heard.push_back(id); });
    const std::string id = Create();
    ASSERT_TRUE(jobs().Cancel(test_.caller, id).ok());
    EXPECT_EQ(heard, (std::vector<std::string>{id, id}));
    listening.reset();
    Create();
    EXPECT_EQ(heard.size(), 2u);
}

TEST_F(JobsTest, AnIntegrationIsKeptAndSaysThatItDoesNothing) {
    JobRequest request = Request();
    request.integrations = {{"p", "n", "", {"t"}}};
    const Job job = jobs().Create(test_.caller, request).value();
    EXPECT_EQ(jobs().Get(test_.caller, job.id)->integrations[0].tags[0], "t");
    EXPECT_THAT(test_.Events(job.id)[1].message, HasSubstr("does not send anything"));
}

TEST_F(JobsTest, TheNumberOfJobsThatAreNotOverIsLimited) {
    test_.options.limits.queued_jobs = 2;
    test_.Open();
    Create();
    const std::string id = Create();
    const auto status = jobs().Create(test_.caller, Request()).status();
    EXPECT_EQ(RefusalOf(status).kind, RefusalKind::kLimit);
    ASSERT_TRUE(jobs().Cancel(test_.caller, id).ok());
    EXPECT_TRUE(jobs().Create(test_.caller, Request()).ok());
}

TEST_F(JobsTest, AClockThatJumpsBackStopsNoJobAndChangesNoOrder) {
    const auto now = std::make_shared<std::atomic<int64_t>>(2'000'000'000);
    test_.options.clock = [now] { return *now -= 1000; };
    test_.Open();
    ASSERT_TRUE(test_.platform->Start().ok());
    const NewUpload upload{{"rows.jsonl", "fine-tune", 0}, 1, "text/jsonl"};
    const std::string pending = test_.platform->uploads().Create(test_.caller, upload)->id;
    const std::string first = Create(), second = Create();
    for (const std::string& id : {first, second}) {
        const Job job = test_.AwaitEnd(id);
        EXPECT_EQ(job.status, JobStatus::kSucceeded);
        EXPECT_LT(job.finished_at, job.created_at);
        const auto events = test_.Events(id);
        EXPECT_EQ(events.front().message, "Created fine-tuning job: " + id);
        EXPECT_EQ(events.back().message, "The job has successfully completed");
    }
    EXPECT_EQ(Listed({}), (std::vector<std::string>{second, first}));
    EXPECT_TRUE(test_.platform->uploads().BeginPart(test_.caller, pending).ok());
    // And far ahead: what has an end is over.
    *now = 3'000'000'000;
    EXPECT_FALSE(test_.platform->uploads().BeginPart(test_.caller, pending).ok());
}

TEST_F(JobsTest, AWorkerThatCrashesGetsOneMoreTry) {
    UseWorker("[ -e \"$3.crashed\" ] && exec \"$HONE\" \"$@\"\ntouch \"$3.crashed\"\nkill -9 $$");
    const std::string id = Create();
    EXPECT_EQ(test_.AwaitEnd(id).status, JobStatus::kSucceeded);
    EXPECT_THAT(test_.Events(id)[4].message,
                testing::StrEq("The worker failed: signal 9 ended it. The job goes on from its "
                               "last checkpoint."));
}

TEST_F(JobsTest, AWorkerThatCrashesAgainFailsItsJobWithTheReason) {
    UseWorker("exit 77");
    const Job job = test_.AwaitEnd(Create());
    EXPECT_EQ(job.status, JobStatus::kFailed);
    EXPECT_EQ(job.error->code, "worker_failed");
    EXPECT_EQ(job.error->message, "The worker failed: it left with exit code 77.");
}

TEST_F(JobsTest, AWorkerThatSaysNothingCountsAsHung) {
    test_.options.heartbeat_seconds = 0.3;
    UseWorker("exec sleep 1000");
    EXPECT_THAT(test_.AwaitEnd(Create()).error->message, HasSubstr("it said nothing for"));
}

TEST_F(JobsTest, AWorkerHasNoNetworkAndNoSecretOfTheServers) {
    setenv("SERVER_SECRET", "hunter2", 1);
    const std::string seen = test_.folder / "seen";
    UseWorker(
        fmt::format("env > {0}.env\n"
                    "python3 -c 'import socket; socket.socket()' 2> {0}.socket\n"
                    "exit 5",
                    seen));
    test_.AwaitEnd(Create());
    EXPECT_THAT(ReadFile(seen + ".socket").value(), HasSubstr("Permission denied"));
    const std::string environment = ReadFile(seen + ".env").value();
    EXPECT_THAT(environment, HasSubstr("HF_HUB_OFFLINE=1"));
    EXPECT_THAT(environment, testing::Not(HasSubstr("hunter2")));
    unsetenv("SERVER_SECRET");
}

}  // namespace
}  // namespace hone::platform
