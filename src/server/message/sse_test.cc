#include "server/message/sse.h"

#include <gtest/gtest.h>

namespace hone::server {
namespace {

TEST(Sse, WritesOneEvent) {
    EXPECT_EQ(SseMessage("{\"a\":1}"), "data: {\"a\":1}\n\n");
    EXPECT_EQ(SseMessage("x", "response.created", "7"),
              "event: response.created\nid: 7\ndata: x\n\n");
    EXPECT_EQ(SseMessage(""), "data: \n\n");
}

TEST(Sse, NoDataBeginsAnEventOfItsOwn) {
    EXPECT_EQ(SseMessage("a\n\nevent: evil\r\rb\r\nc\n"),
              "data: a\ndata: \ndata: event: evil\ndata: \ndata: b\ndata: c\ndata: \n\n");
}

}  // namespace
}  // namespace hone::server
