// What a job would take, measured before there is one.
#include "platform/advise/planner.h"

#include <gmock/gmock.h>

#include "platform/testing.h"

namespace hone::platform {
namespace {

class PlannerTest : public testing::Test {
  protected:
    JobRequest Request(int64_t epochs) {
        JobRequest request;
        request.model = "tiny";
        request.training_file = file_;
        request.hyperparameters.n_epochs = epochs;
        request.hyperparameters.batch_size = 2;
        return request;
    }
    absl::StatusOr<JobPlan> Plan(const JobRequest& request) {
        return test_.platform->planner().Plan(test_.caller, request);
    }
    TestPlatform test_;
    std::string file_ = test_.Upload(TestPlatform::Chats(40));
};

TEST_F(PlannerTest, SaysMemoryAndTimeBeforeTheFirstJob) {
    const auto once = Plan(Request(1)), often = Plan(Request(1000));
    ASSERT_TRUE(once.ok()) << once.status();
    ASSERT_TRUE(often.ok()) << often.status();
    EXPECT_GT(once->memory_bytes, 1 << 20);
    EXPECT_GT(once->available_bytes, once->memory_bytes);
    EXPECT_GT(once->tokens_per_second, 0);
    EXPECT_GT(often->seconds, once->seconds);
    // What was measured once is remembered, to the bit.
    EXPECT_EQ(Plan(Request(1))->seconds, once->seconds);
    // Nothing is left of it, and no job came of it.
    EXPECT_TRUE(std::filesystem::is_empty(test_.options.data_dir + "/planning"));
    EXPECT_TRUE(test_.platform->jobs().List(test_.caller, {}, {})->data.empty());
}

TEST_F(PlannerTest, RefusesWhatNoJobWouldBeMadeOf) {
    JobRequest request = Request(1);
    request.model = "none";
    EXPECT_EQ(RefusalOf(Plan(request).status()).kind, RefusalKind::kNotFound);
    request = Request(1);
    request.training_file = test_.Upload(TestPlatform::Chats(12) + "nonsense\n");
    EXPECT_EQ(RefusalOf(Plan(request).status()).param, "training_file");
    const Caller viewer = {test_.caller.project, Role::kViewer, "key_v"};
    EXPECT_EQ(RefusalOf(test_.platform->planner().Plan(viewer, Request(1)).status()).kind,
              RefusalKind::kForbidden);
}

TEST_F(PlannerTest, SaysWhyTheJobWouldFailWithoutAPath) {
    JobRequest request = Request(1);
    request.method = "dpo";  // and the file has no pairs of answers
    const absl::Status status = Plan(request).status();
    EXPECT_EQ(RefusalOf(status).kind, RefusalKind::kInvalid) << status;
    EXPECT_EQ(RefusalOf(status).code, "invalid_data");
    EXPECT_THAT(std::string(status.message()), testing::HasSubstr("training.jsonl"));
    EXPECT_THAT(std::string(status.message()),
                testing::Not(testing::HasSubstr(test_.options.data_dir)));
}

}  // namespace
}  // namespace hone::platform
