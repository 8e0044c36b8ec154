#include "server/message/request_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hone::server {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

// The status and message for a head that begins so, or "".
std::string HeadError(const std::string& head) {
    RequestReader reader(HttpLimits{});
    size_t used = 0;
    bool complete = false;
    const auto error = reader.ReadHead(head, used, complete);
    return error ? fmt::format("{} {}", error->status, error->message) : "";
}

std::string Get(const std::string& fields) { return "GET / HTTP/1.1\r\n" + fields + "\r\n"; }

TEST(RequestReader, ReadsAHead) {
    RequestReader reader(HttpLimits{});
    size_t used = 0;
    bool complete = false;
    const std::string head =
        "GET /v1/models/ft:a:b::c?limit=1&metadata%5Bk%5D=a+b HTTP/1.1\r\nHost: x\r\n"
        "Authorization:  Bearer k \r\n\r\n";
    ASSERT_FALSE(reader.ReadHead(head.substr(0, head.size() - 1), used, complete));
    EXPECT_FALSE(complete);
    ASSERT_FALSE(reader.ReadHead(head + "rest", used, complete));
    EXPECT_TRUE(complete);
    EXPECT_EQ(used, head.size());
    const HttpRequest& request = reader.request();
    EXPECT_EQ(request.method, "GET");
    EXPECT_EQ(request.path, "/v1/models/ft:a:b::c");
    EXPECT_THAT(request.query, ElementsAre(Pair("limit", "1"), Pair("metadata[k]", "a b")));
    EXPECT_EQ(request.headers.Get("authorization"), "Bearer k");
    EXPECT_TRUE(reader.keep_alive());
    EXPECT_EQ(reader.declared_length(), 0u);
}

TEST(RequestReader, ReadsBodiesOfBothKindsInPieces) {
    const std::string chunks = "4;ext=\"a\"\r\nhone\r\n6\r\n tunes\r\n0\r\nTrailer: x\r\n\r\n";
    for (const auto& [field, wire] :
         {std::pair<std::string, std::string>{"Content-Length: 10", "hone tunes"},
          {"Transfer-Encoding: chunked", chunks}}) {
        for (size_t piece : {1, 2, 5, 100}) {
            RequestReader reader(HttpLimits{});
            size_t used = 0;
            bool complete = false;
            ASSERT_FALSE(reader.ReadHead("POST / HTTP/1.1\r\nHost: x\r\n" + field + "\r\n\r\n",
                                         used, complete));
            ASSERT_TRUE(complete);
            const std::string bytes = wire + "GET /next";
            std::string body;
            size_t at = 0, seen = 0;
            while (!reader.done()) {
                const size_t before = body.size();
                ASSERT_FALSE(reader.ReadBody(bytes.substr(at, seen - at), piece, used, body));
                EXPECT_LE(body.size() - before, piece);
                at += used;
                if (used == 0) seen = std::min(bytes.size(), seen + piece);
            }
            EXPECT_EQ(body, "hone tunes") << field << piece;
            EXPECT_EQ(at, wire.size()) << "what follows is the next request's";
        }
    }
}

TEST(RequestReader, BadChunksAreAnError) {
    for (const char* wire :
         {"x\r\n", "4\nhone\r\n", "-1\r\n", "+1\r\n", " 4\r\n", "4 \r\n", "\r\n", "4\r\nhoneX\r\n",
          "ffffffffffffffff\r\n", "0x4\r\nhone\r\n", "4\rx", "4;\x01\r\n", "0\r\n: x\r\n\r\n",
          "0\r\n a: x\r\n\r\n", "0\r\na\r\n\r\n"}) {
        RequestReader reader(HttpLimits{});
        size_t used = 0;
        bool complete = false;
        ASSERT_FALSE(reader.ReadHead(
            "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", used, complete));
        std::string body;
        std::string bytes(wire);
        std::optional<RequestError> error;
        for (int i = 0; i < 10 && !error; ++i) {
            error = reader.ReadBody(bytes, 100, used, body);
            bytes.erase(0, used);
        }
        EXPECT_TRUE(error) << wire;
    }
}

TEST(RequestReader, RefusesHeadsThatCouldBeReadInTwoWays) {
    EXPECT_EQ(HeadError(Get("Host: x\r\n")), "");
    EXPECT_THAT(HeadError(Get("")), HasSubstr("400 the Host field is missing"));
    EXPECT_THAT(HeadError(Get("Host: x\r\nHost: y\r\n")), HasSubstr("two Host"));
    EXPECT_THAT(HeadError(Get("Host: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n")),
                HasSubstr("400 both"));
    EXPECT_THAT(HeadError(Get("Host: x\r\nContent-Length: 1\r\nContent-Length: 1\r\n")),
                HasSubstr("two Content-Length"));
    for (const char* length : {"", "-1", "+1", "1, 1", "0x1", "1a", "1 1", "9999999999999999999"})
        EXPECT_THAT(HeadError(Get(fmt::format("Host: x\r\nContent-Length: {}\r\n", length))),
                    HasSubstr("not a number"))
            << length;
    for (const char* encoding : {"gzip", "chunked, gzip", "gzip, chunked", "xchunked", "identity"})
        EXPECT_THAT(HeadError(Get(fmt::format("Host: x\r\nTransfer-Encoding: {}\r\n", encoding))),
                    HasSubstr("501"))
            << encoding;
    EXPECT_THAT(HeadError(Get("Host: x\r\nA: b\r\n c\r\n")), HasSubstr("no proper name"));
    EXPECT_THAT(HeadError(Get("Host: x\r\nContent-Length : 1\r\n")), HasSubstr("no proper name"));
    EXPECT_THAT(HeadError(Get("Host: x\r\nA\r\n")), HasSubstr("no proper name"));
    EXPECT_THAT(HeadError(Get("Host: x\nA: b\r\n")), HasSubstr("control character"));
    EXPECT_THAT(HeadError(Get("Host: x\rA: b\r\n")), HasSubstr("control character"));
    EXPECT_THAT(HeadError(Get(std::string("Host: x\r\nA: \0\r\n", 15))),
                HasSubstr("control character"));
    EXPECT_THAT(HeadError("GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"),
                HasSubstr("HTTP/1.0"));
}

TEST(RequestReader, RefusesRequestLinesThatAreNone) {
    for (const char* line :
         {"GET /", "GET  / HTTP/1.1", "GET / x HTTP/1.1", "/ HTTP/1.1", "GET http://x/ HTTP/1.1",
          "GET /#a HTTP/1.1", "G\"T / HTTP/1.1", "GET / HTTQ/1.1", "", "GET /%zz?a=%z HTTP/1.1"})
        EXPECT_THAT(HeadError(fmt::format("{}\r\nHost: x\r\n\r\n", line)), HasSubstr("400"))
            << line;
    EXPECT_THAT(HeadError("GET / HTTP/2.0\r\nHost: x\r\n\r\n"), HasSubstr("505"));
    EXPECT_THAT(HeadError("CONNECT / HTTP/1.1\r\nHost: x\r\n\r\n"), HasSubstr("501"));
}

TEST(RequestReader, LimitsHoldAndOneMoreIsAnError) {
    const HttpLimits limits{.head_bytes = 100, .fields = 3, .query_parts = 2};
    const auto status = [&](const std::string& head) {
        RequestReader reader(limits);
        size_t used = 0;
        bool complete = false;
        const auto error = reader.ReadHead(head, used, complete);
        return error ? error->status : complete ? 200 : 0;
    };
    std::string head = "GET / HTTP/1.1\r\nHost: x\r\nA: ";
    head.resize(100, 'a');
    EXPECT_EQ(status(head + "\r\n\r\n"), 200);
    EXPECT_EQ(status(head + "a\r\n\r\n"), 431);
    EXPECT_EQ(status(head), 0) << "more may come";
    EXPECT_EQ(status(head + "\r\n\r"), 0);
    EXPECT_EQ(status(head + "aaaa"), 431) << "without waiting for the end";
    EXPECT_EQ(status("GET / HTTP/1.1\r\nHost: x\r\nA: 1\r\nB: 2\r\n\r\n"), 200);
    EXPECT_EQ(status("GET / HTTP/1.1\r\nHost: x\r\nA: 1\r\nB: 2\r\nC: 3\r\n\r\n"), 431);
    EXPECT_EQ(status("GET /?a=1&b=2 HTTP/1.1\r\nHost: x\r\n\r\n"), 200);
    EXPECT_EQ(status("GET /?a=1&b=2&c=3 HTTP/1.1\r\nHost: x\r\n\r\n"), 400);
}

}  // namespace
}  // namespace hone::server
