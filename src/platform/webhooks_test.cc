#include "platform/notify/webhooks.h"

#include <gmock/gmock.h>

#include "hub/http_testing.h"
#include "platform/testing.h"

namespace hone::platform {
namespace {

class WebhooksTest : public testing::Test {
  protected:
    WebhooksTest() {
        test_.options.clock = [this] { return now_; };
        test_.Open();
    }
    Webhooks& webhooks() { return test_.platform->webhooks(); }
    // A job that is cancelled at once.
    std::string EndJob() {
        JobRequest request;
        request.model = "tiny";
        request.training_file = test_.Upload(TestPlatform::Chats(10));
        const std::string id = test_.platform->jobs().Create(test_.caller, request)->id;
        EXPECT_TRUE(test_.platform->jobs().Cancel(test_.caller, id).ok());
        return id;
    }
    int64_t now_ = 1'700'000'000;
    TestPlatform test_;
};

TEST(WebhookSignature, IsThatOfTheStandard) {
    // The example of the specification's own library.
    EXPECT_EQ(
        WebhookSignature("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek",
                         1614265330, "{\"test\": 2432232314}"),
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}

TEST_F(WebhooksTest, TheEndOfAJobIsToldAndRetriedUntilItIsHeard) {
    std::atomic<int> answers{0};
    testkit::HttpServer server([&](const testkit::Request&) {
        return testkit::Reply{.code = answers++ == 0 ? 500 : 200};
    });
    const auto created = webhooks().Create(test_.caller, server.url() + "/hook", {}).value();
    EXPECT_EQ(created.webhook.events.size(), 3u);
    EXPECT_EQ(webhooks().List(test_.caller, {})->data[0].url, server.url() + "/hook");
    EndJob();
    // 500, then not before its time, then 200, then nothing any more.
    const int64_t next = webhooks().Deliver().value();
    EXPECT_EQ(next, now_ + 5);
    EXPECT_EQ(webhooks().Deliver().value(), next);
    EXPECT_EQ(server.requests().size(), 1u);
    now_ = next;
    EXPECT_GT(webhooks().Deliver().value(), now_ + 1'000'000);
    const auto requests = server.requests();
    ASSERT_EQ(requests.size(), 2u);
    EXPECT_EQ(requests[0].path, "/hook");
    EXPECT_EQ(requests[0].headers.at("webhook-id"), requests[1].headers.at("webhook-id"));
    EXPECT_EQ(requests[1].headers.at("webhook-timestamp"), std::to_string(now_));
    EXPECT_TRUE(requests[1].headers.at("webhook-signature").starts_with("v1,"));
}

TEST_F(WebhooksTest, OnlyTheEventsThatWereAskedForAreTold) {
    testkit::HttpServer server([](const testkit::Request&) { return testkit::Reply{}; });
    ASSERT_TRUE(webhooks().Create(test_.caller, server.url(), {"fine_tuning.job.succeeded"}).ok());
    EndJob();
    ASSERT_TRUE(webhooks().Deliver().ok());
    EXPECT_TRUE(server.requests().empty());
}

TEST_F(WebhooksTest, OneThatIsNeverHeardIsGivenUpAndOneThatIsDeletedTellsNothing) {
    testkit::HttpServer server([](const testkit::Request&) { return testkit::Reply{.code = 404}; });
    ASSERT_TRUE(webhooks().Create(test_.caller, server.url(), {}).ok());
    EndJob();
    for (int i = 0; i < 10; ++i) {
        ASSERT_TRUE(webhooks().Deliver().ok());
        now_ += 10'000;
    }
    EXPECT_EQ(server.requests().size(), 7u);
    EndJob();
    const std::string id = webhooks().List(test_.caller, {})->data[0].id;
    ASSERT_TRUE(webhooks().Delete(test_.caller, id).ok());
    ASSERT_TRUE(webhooks().Deliver().ok());
    EXPECT_EQ(server.requests().size(), 7u);
}

TEST_F(WebhooksTest, FieldsAndRolesAreChecked) {
    const auto param = [&](const std::string& url, const std::vector<std::string>& events) {
        return RefusalOf(webhooks().Create(test_.caller, url, events).status()).param;
    };
    EXPECT_EQ(param("file:///etc/passwd", {}), "url");
    EXPECT_EQ(param("", {}), "url");
    EXPECT_EQ(param("http://x", {"job.started"}), "events");
    const Caller member = {test_.caller.project, Role::kMember, "key_m"};
    EXPECT_EQ(RefusalOf(webhooks().Create(member, "http://x", {}).status()).kind,
              RefusalKind::kForbidden);
    const auto created = webhooks().Create(test_.caller, "http://x", {}).value();
    const Caller stranger = Operator(test_.platform->keys().CreateProject("other")->id);
    EXPECT_TRUE(webhooks().List(stranger, {})->data.empty());
    EXPECT_EQ(RefusalOf(webhooks().Delete(stranger, created.webhook.id)).kind,
              RefusalKind::kNotFound);
    // Who did what is written down.
    const auto audit = test_.platform->audit().List(test_.caller, {"", 1, true}).value();
    EXPECT_EQ(audit.data[0].action, "webhook.create");
    EXPECT_EQ(audit.data[0].object, created.webhook.id);
    EXPECT_TRUE(audit.has_more);
    EXPECT_EQ(RefusalOf(test_.platform->audit().List(member, {}).status()).kind,
              RefusalKind::kForbidden);
}

}  // namespace
}  // namespace hone::platform
