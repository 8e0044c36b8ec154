#include "base/watch.h"

#include <gtest/gtest.h>

#include <thread>
#include <utility>
#include <vector>

namespace hone {
namespace {

TEST(Watch, TheInnerWatcherIsToldAndCanEndTheWork) {
    EXPECT_TRUE(ReportProgress(0.5).ok());
    std::vector<std::pair<double, int64_t>> told;
    {
        const ScopedWatcher outer([&](double share, int64_t count) {
            told.emplace_back(share, count);
            return share < 0.5;
        });
        EXPECT_TRUE(ReportProgress(0.25, 3).ok());
        {
            const ScopedWatcher inner([](double, int64_t) { return true; });
            EXPECT_TRUE(ReportProgress(1).ok());
        }
        std::thread([] { EXPECT_TRUE(ReportProgress(1).ok()) << "another thread's work"; }).join();
        EXPECT_EQ(KindOf(ReportProgress(0.5)), ErrorKind::kInterrupted);
    }
    EXPECT_TRUE(ReportProgress(0.5).ok());
    EXPECT_EQ(told, (std::vector<std::pair<double, int64_t>>{{0.25, 3}, {0.5, 0}}));
}

}  // namespace
}  // namespace hone
