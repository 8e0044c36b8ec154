#include "server/message/message.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/message/ascii.h"
#include "server/message/response_head.h"

namespace hone::server {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::Pair;

TEST(Message, DecodesWhatIsEncoded) {
    std::string text;
    EXPECT_TRUE(PercentDecode("a%20b%2Fc%e2%82%ac", text));
    EXPECT_EQ(text, "a b/c€");
    for (const char* bad : {"%", "%2", "%g0", "%0g", "a%00b"})
        EXPECT_FALSE(PercentDecode(bad, text)) << bad;
}

TEST(Message, ReadsQueries) {
    std::vector<std::pair<std::string, std::string>> query;
    EXPECT_TRUE(ParseQuery("a=1&&b%5Bk%5D=x+y&c&=d&a=2", 5, query));
    EXPECT_THAT(query, ElementsAre(Pair("a", "1"), Pair("b[k]", "x y"), Pair("c", ""),
                                   Pair("", "d"), Pair("a", "2")));
    EXPECT_FALSE(ParseQuery("a&b&c&d&e&f", 5, query)) << "one more than the limit";
    EXPECT_FALSE(ParseQuery("a=%", 5, query));
    EXPECT_TRUE(ParseQuery("", 5, query));
    EXPECT_TRUE(query.empty());
}

TEST(Message, NamesOfFieldsHaveNoCase) {
    HttpHeaders headers;
    headers.Add("Content-Type", "a");
    headers.Add("content-type", "b");
    EXPECT_EQ(headers.Get("CONTENT-TYPE"), "a");
    EXPECT_TRUE(headers.Has("content-Type"));
    EXPECT_FALSE(headers.Has("content"));
    EXPECT_EQ(headers.Get("content"), "");
}

TEST(Ascii, SpacesGoAtBothEnds) {
    EXPECT_EQ(StripSpaces(" \ta b\t "), "a b");
    EXPECT_EQ(StripSpaces(" \t "), "");
    EXPECT_EQ(StripSpaces(""), "");
}

TEST(ResponseHead, SaysHowTheBodyEnds) {
    HttpResponse response;
    response.headers.Add("A", "b");
    const auto head = [&](HeadFacts facts) {
        facts.request_id = "req_1";
        return ResponseHead(response, facts);
    };
    const std::string plain = head({.keep_alive = true, .length = 3});
    EXPECT_TRUE(plain.starts_with("HTTP/1.1 200 OK\r\nDate: "));
    EXPECT_TRUE(plain.ends_with("\r\n\r\n"));
    EXPECT_THAT(plain, HasSubstr("\r\nA: b\r\nx-request-id: req_1\r\n"));
    EXPECT_THAT(plain, HasSubstr("Content-Length: 3\r\nConnection: keep-alive\r\n"));
    const std::string chunked = head({.keep_alive = true});
    EXPECT_THAT(chunked, HasSubstr("Transfer-Encoding: chunked\r\nConnection: keep-alive"));
    const std::string old = head({.keep_alive = true, .http_1_0 = true});
    EXPECT_THAT(old, Not(HasSubstr("chunked")));
    EXPECT_THAT(old, HasSubstr("Connection: close"));
    response.status = 204;
    EXPECT_THAT(head({.length = 0}), Not(HasSubstr("Content-Length")));
}

TEST(ResponseHeadDeathTest, NobodyForgesAField) {
    HttpResponse response;
    response.headers.Add("A", "b\r\nSet-Cookie: c");
    EXPECT_DEATH(ResponseHead(response, {}), "in A");
}

}  // namespace
}  // namespace hone::server
