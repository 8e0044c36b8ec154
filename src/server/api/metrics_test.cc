#include "server/api/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hone::server {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(Metrics, CountsByRouteAndStatus) {
    Metrics metrics;
    const HttpRequest get{.method = "GET", .route = "/v1/files"};
    metrics.Count({.request = get, .status = 200, .sent_bytes = 10, .seconds = 0.002});
    metrics.Count({.request = get, .status = 200, .sent_bytes = 5, .seconds = 0.5});
    metrics.Count({.request = get, .status = 404, .received_bytes = 7, .seconds = 100});
    const std::string text = metrics.Text();
    const std::string labels = "method=\"GET\",route=\"/v1/files\"";
    EXPECT_THAT(text, HasSubstr("requests_total{" + labels + ",status=\"200\"} 2\n"));
    EXPECT_THAT(text, HasSubstr("requests_total{" + labels + ",status=\"404\"} 1\n"));
    EXPECT_THAT(text, HasSubstr("seconds_bucket{" + labels + ",le=\"0.005\"} 1\n"));
    EXPECT_THAT(text, HasSubstr("seconds_bucket{" + labels + ",le=\"1\"} 2\n"));
    EXPECT_THAT(text, HasSubstr("seconds_bucket{" + labels + ",le=\"60\"} 2\n"));
    EXPECT_THAT(text, HasSubstr("seconds_bucket{" + labels + ",le=\"+Inf\"} 3\n"));
    EXPECT_THAT(text, HasSubstr("seconds_sum{" + labels + "} 100.502000\n"));
    EXPECT_THAT(text, HasSubstr("received_bytes_total{" + labels + "} 7\n"));
    EXPECT_THAT(text, HasSubstr("sent_bytes_total{" + labels + "} 15\n"));
}

TEST(Metrics, WhatClientsMakeUpIsNoLabel) {
    Metrics metrics;
    const HttpRequest unknown{.method = "BREW\"", .path = "/x"};
    metrics.Count({.request = unknown, .status = 404});
    EXPECT_THAT(metrics.Text(), Not(HasSubstr("BREW")));
    EXPECT_THAT(metrics.Text(), HasSubstr("{method=\"\",route=\"\",status=\"404\"} 1\n"));
}

}  // namespace
}  // namespace hone::server
