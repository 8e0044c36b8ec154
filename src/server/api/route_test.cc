#include "server/api/route.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/api/openapi.h"

namespace hone::server {
namespace {

using testing::ElementsAre;

Route Simple(std::string method, std::string pattern) {
    return {.method = std::move(method), .pattern = std::move(pattern), .handle = [](const Call&) {
                return HttpResponse{};
            }};
}

class RouterTest : public testing::Test {
  protected:
    RouterTest() {
        for (const auto& [method, pattern] :
             {std::pair{"GET", "/v1/files"},
              {"POST", "/v1/files"},
              {"GET", "/v1/files/{file_id}"},
              {"DELETE", "/v1/files/{file_id}"},
              {"GET", "/v1/models/{model}"},
              {"DELETE", "/v1/checkpoints/{checkpoint}/permissions/{permission_id}"}})
            router.Add(Simple(method, pattern));
    }
    std::string Find(std::string_view method, std::string_view path) {
        const Router::Match match = router.Find(method, path);
        values = match.path;
        return match.route == nullptr ? "" : match.route->pattern;
    }

    Router router;
    std::vector<std::string> values;
};

TEST_F(RouterTest, FindsARouteAndItsValues) {
    EXPECT_EQ(Find("GET", "/v1/files"), "/v1/files");
    EXPECT_EQ(Find("HEAD", "/v1/files"), "/v1/files");
    EXPECT_EQ(Find("GET", "/v1/models/ft:a:b::c:ckpt-step-8"), "/v1/models/{model}");
    EXPECT_THAT(values, ElementsAre("ft:a:b::c:ckpt-step-8")) << "colons as they are";
    EXPECT_EQ(Find("GET", "/v1/models/org%2Fname%3a"), "/v1/models/{model}");
    EXPECT_THAT(values, ElementsAre("org/name:")) << "or encoded";
    EXPECT_NE(Find("DELETE", "/v1/checkpoints/a:b/permissions/cp_1"), "");
    EXPECT_THAT(values, ElementsAre("a:b", "cp_1"));
}

TEST_F(RouterTest, FindsNoneWherePathOrMethodDiffer) {
    for (const char* path : {"", "/", "/v1", "/v1/files/", "/v1/files//", "/v1//files", "v1/files",
                             "/v1/files/a/b", "/v1/files/%", "/v1/files/%00", "/V1/files"})
        EXPECT_EQ(Find("GET", path), "") << path;
    EXPECT_EQ(Find("PUT", "/v1/files"), "");
    EXPECT_EQ(Find("HEAD", "/v1/checkpoints/a/permissions/b"), "");
    EXPECT_EQ(router.Allowed("/v1/files"), "GET, HEAD, POST");
    EXPECT_EQ(router.Allowed("/v1/files/x"), "GET, HEAD, DELETE");
    EXPECT_EQ(router.Allowed("/v1/nothing"), "");
}

TEST_F(RouterTest, IsDescribedAsItIs) {
    Schemas schemas;
    schemas.Add(R"json({"ErrorResponse": {"type": "object"}})json");
    const auto described = DescribeApi(router, schemas);
    EXPECT_EQ(described["paths"].size(), 4u);
    const auto& one = described["paths"]["/v1/files/{file_id}"];
    EXPECT_TRUE(one.contains("get") && one.contains("delete") && !one.contains("post"));
    EXPECT_EQ(one["get"]["parameters"][0]["name"], "file_id");
}

}  // namespace
}  // namespace hone::server
