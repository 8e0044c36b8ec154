// The API over a real platform, without a network: requests go in and answers come out.
#include "server/api/api.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/testing.h"
#include "platform/platform.h"
#include "server/api/routes.h"

namespace hone::server {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;
using Json = nlohmann::ordered_json;

// An exchange whose answer is looked at afterwards.
class TestExchange : public Exchange {
  public:
    explicit TestExchange(HttpRequest request) : request_(std::move(request)) {}
    const HttpRequest& request() const override { return request_; }
    void Respond(HttpResponse response) override { answer = std::move(response); }
    std::unique_ptr<StreamWriter> Stream(HttpResponse, std::string) override { return nullptr; }
    void OnGone(std::function<void()>) override {}
    void Later(std::function<void()>) override {}

    HttpResponse answer{.status = 0};

  private:
    HttpRequest request_;
};

class ApiTest : public ::testing::Test {
  protected:
    void SetUp() override {
        platform::PlatformOptions options{.data_dir = folder / "data"};
        options.models = {{"tiny", std::string(HONE_SOURCE_DIR) + "/tests/golden/models/tied"}};
        options.aliases = {{"gpt-4o-mini", "tiny"}};
        auto opened = platform::Platform::Open(options);
        ASSERT_TRUE(opened.ok()) << opened.status();
        platform = *std::move(opened);
        const auto first = platform->keys().CreateFirst();
        ASSERT_TRUE(first.ok() && first->has_value()) << first.status();
        key = (*first)->secret;
        project = (*first)->key.project;
        api = std::make_unique<Api>(
            *platform, ApiOptions{.requests_per_minute = 50, .wrong_keys_per_minute = 3});
        AddFileRoutes(*api, *platform);
        AddUploadRoutes(*api, *platform);
        AddJobRoutes(*api, *platform);
        AddPermissionRoutes(*api, *platform);
        AddModelRoutes(*api, *platform);
        AddAdminRoutes(*api, *platform);
        AddAdviceRoutes(*api, *platform);
    }

    HttpResponse Ask(std::string method, std::string path, std::string body = "",
                     std::string content_type = "application/json") {
        HttpRequest request{.method = std::move(method), .path = std::move(path)};
        if (!key.empty()) request.headers.Add("Authorization", "Bearer " + key);
        request.headers.Add("Content-Type", std::move(content_type));
        request.body = std::move(body);
        Admission admission = api->Admit(request);
        if (admission.refused) return *std::move(admission.refused);
        if (admission.sink) {
            admission.sink->Take(request.body);
            return admission.sink->Finish();
        }
        const auto exchange = std::make_shared<TestExchange>(std::move(request));
        admission.handle(exchange);
        return exchange->answer;
    }
    // The status and, of an error, its code.
    std::string Outcome(const HttpResponse& response) {
        if (response.status < 400) return fmt::format("{}", response.status);
        const Json error = Json::parse(response.body)["error"];
        return fmt::format("{} {}", response.status,
                           error["code"].is_null() ? "" : error["code"].get<std::string>());
    }

    TestFolder folder;
    std::unique_ptr<platform::Platform> platform;
    std::unique_ptr<Api> api;
    std::string key, project;
};

TEST_F(ApiTest, KnowsItsRoutes) {
    EXPECT_EQ(Outcome(Ask("GET", "/v1/models")), "200");
    EXPECT_EQ(Outcome(Ask("GET", "/v1/nothing")), "404 unknown_url");
    const HttpResponse wrong = Ask("PUT", "/v1/models/x");
    EXPECT_EQ(wrong.status, 405);
    EXPECT_EQ(wrong.headers.Get("Allow"), "GET, HEAD, DELETE, OPTIONS");
    EXPECT_EQ(Ask("OPTIONS", "/v1/models/x").status, 204);
    EXPECT_EQ(Ask("HEAD", "/v1/models").status, 200);
}

TEST_F(ApiTest, AKeyIsNeededAndItsRole) {
    const std::string admin = key;
    key = "";
    EXPECT_EQ(Outcome(Ask("GET", "/v1/models")), "401 ");
    EXPECT_EQ(Outcome(Ask("GET", "/healthz")), "200");
    const auto viewer =
        platform->keys().Create(platform::Operator(project), {.role = platform::Role::kViewer});
    ASSERT_TRUE(viewer.ok());
    key = viewer->secret;
    EXPECT_EQ(Outcome(Ask("GET", "/v1/models")), "200");
    EXPECT_THAT(Outcome(Ask("DELETE", "/v1/files/file-1")), StartsWith("403"));
    EXPECT_THAT(Outcome(Ask("GET", "/api/keys")), StartsWith("403"));
    EXPECT_THAT(Outcome(Ask("POST", "/v1/files", "", "multipart/form-data; boundary=b")),
                StartsWith("403"));
    key = admin;
    EXPECT_EQ(Outcome(Ask("GET", "/api/keys")), "200");
}

TEST_F(ApiTest, KeysAndWrongKeysHaveTheirLimits) {
    const std::string good = key;
    key = "sk-hone-wrong";
    for (int i = 0; i < 3; ++i)
        EXPECT_EQ(Outcome(Ask("GET", "/v1/models")), "401 invalid_api_key") << i;
    const HttpResponse limited = Ask("GET", "/v1/models");
    EXPECT_EQ(Outcome(limited), "429 rate_limit_exceeded");
    EXPECT_EQ(limited.headers.Get("Retry-After"), "20");
    key = good;
    for (int i = 0; i < 50; ++i) EXPECT_EQ(Outcome(Ask("GET", "/v1/models")), "200") << i;
    EXPECT_EQ(Outcome(Ask("GET", "/v1/models")), "429 rate_limit_exceeded");
}

TEST_F(ApiTest, BodiesAreCheckedByTheirSchemas) {
    EXPECT_EQ(Outcome(Ask("POST", "/v1/fine_tuning/jobs", "{}")), "400 missing_required_parameter");
    EXPECT_EQ(Outcome(Ask("POST", "/v1/fine_tuning/jobs", "{}", "text/plain")), "415 ");
    EXPECT_EQ(Outcome(Ask("POST", "/v1/fine_tuning/jobs", "[" + std::string(9999, '['))), "400 ");
    EXPECT_EQ(Outcome(Ask("POST", "/v1/uploads/upload_none/cancel", "")),
              Outcome(Ask("POST", "/v1/uploads/upload_none/cancel", "{}")));
    EXPECT_THAT(Ask("POST", "/v1/uploads/upload_none/cancel", "{\"a\":1}").body,
                HasSubstr("takes no body"));
}

TEST_F(ApiTest, AFileGoesInAndComesOut) {
    const std::string form =
        "--b\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\nuser_data\r\n"
        "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\n\r\nhone\r\n"
        "--b--\r\n";
    const HttpResponse made = Ask("POST", "/v1/files", form, "multipart/form-data; boundary=b");
    ASSERT_EQ(made.status, 200) << made.body;
    const std::string id = Json::parse(made.body)["id"];
    const HttpResponse content = Ask("GET", "/v1/files/" + id + "/content");
    ASSERT_NE(content.source, nullptr) << content.body;
    std::string bytes;
    ASSERT_TRUE(content.source->Read(100, bytes).ok());
    EXPECT_EQ(bytes, "hone");
    EXPECT_EQ(Outcome(Ask("DELETE", "/v1/files/" + id)), "200");
    EXPECT_THAT(Outcome(Ask("GET", "/v1/files/" + id)), StartsWith("404"));
}

TEST_F(ApiTest, DescribesEveryRouteWithSchemasThatThereAre) {
    const Json described = Json::parse(Ask("GET", "/openapi.json").body);
    size_t routes = 0;
    for (const auto& [path, methods] : described["paths"].items()) routes += methods.size();
    EXPECT_EQ(routes, api->router().routes().size());
    const std::string text = described.dump();
    const std::string reference = "#/components/schemas/";
    for (size_t at = text.find(reference); at != std::string::npos;
         at = text.find(reference, at + 1)) {
        const size_t name = at + reference.size();
        EXPECT_TRUE(described["components"]["schemas"].contains(
            text.substr(name, text.find('"', name) - name)))
            << text.substr(at, 80);
    }
}

TEST_F(ApiTest, SaysNoToNewWorkWhenItEnds) {
    EXPECT_EQ(Ask("GET", "/readyz").status, 200);
    api->BeginDrain();
    EXPECT_EQ(Ask("GET", "/readyz").status, 503);
    EXPECT_EQ(Ask("GET", "/healthz").status, 200);
}

}  // namespace
}  // namespace hone::server
