// The API over a real platform, without a network: requests go in and answers come out.
#include "server/api/api.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/files/testing.h"
#include "platform/platform.h"
#include "server/api/routes.h"
#include "server/inference/routes.h"

namespace hone::server {
namespace {

using testing::HasSubstr;
using testing::StartsWith;
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

class ApiTest : public testing::Test {
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
        AddPullRoutes(*api, *platform);
        AddAdviceRoutes(*api, *platform);
        // Nothing here asks it.
        pool = std::make_unique<InferencePool>(InferencePoolOptions{.program = "/none"});
        AddInferenceRoutes(*api, *platform, *pool);
        AddStoredCompletionRoutes(*api, *platform);
        AddGraderRoutes(*api, *platform, *pool);
        AddResponseRoutes(*api, *platform, *pool);
        AddBaseRoutes(*api, *platform, *pool);
        AddSystemRoutes(*api, *platform, *pool);
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
    std::unique_ptr<InferencePool> pool;
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

TEST_F(ApiTest, DescribesABaseAndTheSystem) {
    const Json base = Json::parse(Ask("GET", "/api/models/gpt-4o-mini").body);
    EXPECT_EQ(base["base"], "tiny");
    EXPECT_TRUE(base["job_id"].is_null() && base["bytes"].is_null()) << base;
    EXPECT_EQ(Outcome(Ask("GET", "/api/models/ft:tiny:none")), "404 model_not_found");

    const HttpResponse answer = Ask("GET", "/api/system");
    ASSERT_EQ(answer.status, 200) << answer.body;
    const Json system = Json::parse(answer.body);
    EXPECT_TRUE(system["children"].empty());
    EXPECT_GE(system["machine"]["usable_cores"], 1);
    EXPECT_GT(system["memory"]["server_bytes"], 0);
    EXPECT_GT(system["disk"]["total_bytes"], system["disk"]["available_bytes"]);
    EXPECT_GE(system["jobs"]["threads"], 1);
    key = "";
    EXPECT_EQ(Ask("GET", "/api/system").status, 401);
}

TEST_F(ApiTest, ProjectsAreMadeAndGetKeys) {
    const HttpResponse made = Ask("POST", "/api/projects", R"({"name": "team"})");
    ASSERT_EQ(made.status, 200) << made.body;
    const std::string team = Json::parse(made.body)["id"];
    EXPECT_THAT(Outcome(Ask("POST", "/api/projects", R"({"name": "team"})")), StartsWith("400"));
    const HttpResponse wrong = Ask("POST", "/api/projects", R"({"name": "a b"})");
    EXPECT_THAT(Outcome(wrong), StartsWith("400"));
    EXPECT_THAT(wrong.body, HasSubstr("1 to 64 letters"));
    const HttpResponse given =
        Ask("POST", "/api/keys", Json{{"role", "admin"}, {"project_id", team}}.dump());
    ASSERT_EQ(given.status, 200) << given.body;
    const Json theirs = Json::parse(given.body);
    EXPECT_EQ(theirs["project_id"], team);
    EXPECT_EQ(Outcome(Ask("POST", "/api/keys", R"({"project_id": "proj_none"})")), "400 ");
    const Json projects = Json::parse(Ask("GET", "/api/projects").body)["data"];
    ASSERT_EQ(projects.size(), 2u);
    EXPECT_EQ(projects[0]["id"], project);
    EXPECT_EQ(projects[1]["keys"], 1);
    key = theirs["secret"];
    EXPECT_THAT(Outcome(Ask("GET", "/api/projects")), StartsWith("403"));
    EXPECT_THAT(Outcome(Ask("POST", "/api/projects", R"({"name": "more"})")), StartsWith("403"));
    EXPECT_EQ(Json::parse(Ask("GET", "/api/keys").body)["data"].size(), 1u);
    key = platform->keys().Create(platform::Operator(project), {}).value().secret;
    EXPECT_THAT(Outcome(Ask("GET", "/api/projects")), StartsWith("403"));
    EXPECT_THAT(Outcome(Ask("DELETE", "/api/base_models/tiny")), StartsWith("403"));
}

TEST_F(ApiTest, OnlyFetchedBasesAreRemoved) {
    EXPECT_EQ(Json::parse(Ask("GET", "/api/base_models").body)["data"][0]["fetched"], false);
    EXPECT_EQ(Outcome(Ask("DELETE", "/api/base_models/tiny")), "400 model_not_fetched");
    EXPECT_EQ(Outcome(Ask("DELETE", "/api/base_models/none")), "404 model_not_found");
}

TEST_F(ApiTest, GradersThatAskNoModelAnswerAtOnce) {
    const std::string path = "/v1/fine_tuning/alpha/graders/";
    const std::string grader = R"("grader": {"type": "string_check", "name": "g", "operation": "eq",
        "input": "{{sample.output_text}}", "reference": "{{item.x}}"})";
    HttpResponse answer = Ask("POST", path + "run", "{" + grader + R"(, "model_sample": "a",
        "item": {"x": "a"}})");
    ASSERT_EQ(answer.status, 200) << answer.body;
    EXPECT_EQ(Json::parse(answer.body)["reward"], 1);
    answer = Ask("POST", path + "validate", "{" + grader + "}");
    EXPECT_EQ(Json::parse(answer.body)["grader"]["name"], "g");
    EXPECT_EQ(Outcome(Ask("POST", path + "run", R"({"grader": {"type": "python", "name": "p"},
        "model_sample": "a"})")),
              "400 unsupported_value");
    EXPECT_EQ(Outcome(Ask("POST", path + "validate", R"({"grader": {"type": "score_model",
        "name": "s", "model": "none", "input": [{"role": "user", "content": "a"}]}})")),
              "404 model_not_found");
}

TEST_F(ApiTest, AnswersThatWereKept) {
    const platform::Caller caller = platform::Operator(project);
    const std::string body = R"({"id": "chatcmpl-1", "object": "chat.completion"})";
    ASSERT_TRUE(platform->answers()
                    .Keep(caller, {"chatcmpl-1",
                                   "chat.completion",
                                   1,
                                   "tiny",
                                   {{"a", "b"}},
                                   body,
                                   R"([{"role": "user", "content": "q"}])"})
                    .ok());
    EXPECT_EQ(Json::parse(Ask("GET", "/v1/chat/completions/chatcmpl-1").body)["metadata"]["a"],
              "b");
    const Json messages = Json::parse(Ask("GET", "/v1/chat/completions/chatcmpl-1/messages").body);
    EXPECT_EQ(messages["data"][0]["content"], "q");
    EXPECT_EQ(messages["data"][0]["id"], "chatcmpl-1-0");
    const HttpResponse updated =
        Ask("POST", "/v1/chat/completions/chatcmpl-1", R"({"metadata": {"c": "d"}})");
    EXPECT_EQ(Json::parse(updated.body)["metadata"].dump(), R"({"c":"d"})");
    EXPECT_EQ(Json::parse(Ask("GET", "/v1/chat/completions").body)["data"].size(), 1u);
    EXPECT_EQ(Outcome(Ask("GET", "/v1/responses/chatcmpl-1")), "404 not_found");
    EXPECT_EQ(Outcome(Ask("DELETE", "/v1/chat/completions/chatcmpl-1")), "200");
    EXPECT_EQ(Outcome(Ask("DELETE", "/v1/chat/completions/chatcmpl-1")), "404 not_found");
    EXPECT_EQ(Outcome(Ask("POST", "/v1/responses", R"({"model": "tiny", "input": "a",
        "tools": [{"type": "web_search"}]})")),
              "400 unsupported_value");
    EXPECT_EQ(Outcome(Ask("POST", "/v1/responses", R"({"model": "tiny", "input": "a",
        "previous_response_id": "resp_none"})")),
              "404 not_found");
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
