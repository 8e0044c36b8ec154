#include "server/http/rate_limiter.h"

#include <gtest/gtest.h>

namespace hone::server {
namespace {

TEST(RateLimiter, AllowsItsNumberAtOnceAndThenOneAtATime) {
    RateLimiter limiter(6);  // one in ten seconds
    for (int i = 0; i < 6; ++i) EXPECT_EQ(limiter.Take("a", 100), 0) << i;
    EXPECT_EQ(limiter.Take("a", 100), 10);
    EXPECT_EQ(limiter.Take("a", 104.5), 6);
    EXPECT_EQ(limiter.Take("a", 110), 0);
    EXPECT_EQ(limiter.Take("a", 110), 10);
    EXPECT_EQ(limiter.Take("b", 110), 0) << "each name has a bucket of its own";
    for (int i = 0; i < 6; ++i) EXPECT_EQ(limiter.Take("a", 1000), 0) << i;
    EXPECT_NE(limiter.Take("a", 1000), 0) << "a long silence fills it once";
}

TEST(RateLimiter, ForgetsNamesThatHaveBeenQuiet) {
    RateLimiter limiter(1);
    for (int i = 0; i < 5000; ++i) EXPECT_EQ(limiter.Take(std::to_string(i), i), 0);
    EXPECT_NE(limiter.Take("4999", 5000), 0) << "one that was not is remembered";
}

TEST(RateLimiter, ZeroIsNoLimit) {
    RateLimiter limiter(0);
    for (int i = 0; i < 1000; ++i) EXPECT_EQ(limiter.Take("a", 0), 0);
}

}  // namespace
}  // namespace hone::server
