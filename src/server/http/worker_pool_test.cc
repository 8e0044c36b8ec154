#include "server/http/worker_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>

namespace hone::server {
namespace {

TEST(WorkerPool, RunsEveryCallThatItTook) {
    std::atomic<int> sum = 0;
    std::promise<void> last;
    WorkerPool pool(3, 1000);
    std::atomic<int> left = 100;
    for (int i = 0; i < 100; ++i)
        ASSERT_TRUE(pool.Post([&, i] {
            sum += i;
            if (--left == 0) last.set_value();
        }));
    last.get_future().wait();
    EXPECT_EQ(sum, 4950);
}

TEST(WorkerPool, RefusesOneMoreThanMayWait) {
    std::promise<void> started, go;
    WorkerPool pool(1, 2);
    ASSERT_TRUE(pool.Post([&] {
        started.set_value();
        go.get_future().wait();
    }));
    started.get_future().wait();
    EXPECT_TRUE(pool.Post([] {}));
    EXPECT_TRUE(pool.Post([] {}));
    EXPECT_FALSE(pool.Post([] {}));
    EXPECT_EQ(pool.waiting(), 2u);
    pool.PostAlways([] {});
    EXPECT_EQ(pool.waiting(), 3u);
    go.set_value();
}

}  // namespace
}  // namespace hone::server
