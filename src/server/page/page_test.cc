#include "server/page/page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hone::server {
namespace {

using testing::HasSubstr;

// "hello\n", packed by gzip.
constexpr std::string_view kPacked(
    "\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xcb\x48\xcd\xc9\xc9\xe7\x02\x00\x20\x30\x3a\x36\x06"
    "\x00\x00\x00",
    26);
constexpr PageFile kFiles[] = {
    {"/index.html", "text/html", "abc", false, "<html>"},
    {"/assets/app-1.js", "text/javascript", "def", true, kPacked},
};

std::optional<HttpResponse> GetPage(std::string path,
                                    std::vector<std::pair<std::string, std::string>> fields = {},
                                    std::string method = "GET") {
    HttpRequest request{.method = std::move(method), .path = std::move(path)};
    for (auto& [name, value] : fields) request.headers.Add(name, value);
    return PageResponse(request, kFiles);
}

TEST(Page, AFileGoesAsItWasCompressed) {
    const auto sent = GetPage("/assets/app-1.js", {{"Accept-Encoding", "br, gzip;q=0.8"}});
    ASSERT_TRUE(sent);
    EXPECT_EQ(sent->status, 200);
    EXPECT_EQ(sent->body, kPacked);
    EXPECT_EQ(sent->headers.Get("Content-Encoding"), "gzip");
    EXPECT_EQ(sent->headers.Get("Content-Type"), "text/javascript");
    EXPECT_THAT(sent->headers.Get("Cache-Control"), HasSubstr("immutable"));
}

TEST(Page, WhoTakesNoGzipGetsItUnpacked) {
    for (const char* accepted : {"", "identity", "gzip;q=0", "gzip; q=0.0, br"}) {
        const auto sent = GetPage("/assets/app-1.js", {{"Accept-Encoding", accepted}});
        ASSERT_TRUE(sent) << accepted;
        EXPECT_EQ(sent->body, "hello\n") << accepted;
        EXPECT_FALSE(sent->headers.Has("Content-Encoding")) << accepted;
    }
}

TEST(Page, ItsOwnAddressesShowThePage) {
    for (const char* path : {"/", "/index.html", "/fine-tuning/ftjob-1", "/no/such/page"}) {
        const auto sent = GetPage(path, {{"Accept", "text/html,application/xhtml+xml"}});
        ASSERT_TRUE(sent) << path;
        EXPECT_EQ(sent->body, "<html>") << path;
        EXPECT_EQ(sent->headers.Get("Cache-Control"), "no-cache") << path;
    }
}

TEST(Page, TheApiAndWhatIsNotThereStayTheApis) {
    const std::vector<std::pair<std::string, std::string>> browser = {{"Accept", "text/html"}};
    for (const char* path : {"/v1", "/v1/none", "/api/none", "/assets/old.js"})
        EXPECT_FALSE(GetPage(path, browser)) << path;
    EXPECT_FALSE(GetPage("/none"));
    EXPECT_FALSE(GetPage("/none", {{"Accept", "application/json"}}));
    EXPECT_FALSE(GetPage("/", browser, "POST"));
}

TEST(Page, WhatABrowserHasIsNotSentAgain) {
    const auto sent = GetPage("/", {{"If-None-Match", "\"abc\""}});
    ASSERT_TRUE(sent);
    EXPECT_EQ(sent->status, 304);
    EXPECT_EQ(sent->body, "");
    EXPECT_EQ(GetPage("/", {{"If-None-Match", "\"other\""}})->status, 200);
}

TEST(Page, NothingFromElsewhereAndNothingInline) {
    for (const char* path : {"/", "/assets/app-1.js"}) {
        const auto sent = GetPage(path);
        const std::string_view policy = sent->headers.Get("Content-Security-Policy");
        EXPECT_THAT(policy, HasSubstr("default-src 'none'"));
        EXPECT_THAT(policy, HasSubstr("frame-ancestors 'none'"));
        EXPECT_EQ(policy.find("unsafe"), std::string_view::npos);
        EXPECT_EQ(policy.find("http"), std::string_view::npos);
    }
}

TEST(Page, ThisProgramHasOne) {
    HttpRequest request{.method = "GET", .path = "/"};
    const auto sent = PageResponse(request);
    ASSERT_TRUE(sent);
    EXPECT_EQ(sent->status, 200);
    EXPECT_THAT(sent->body, HasSubstr("<title>hone</title>"));
}

}  // namespace
}  // namespace hone::server
