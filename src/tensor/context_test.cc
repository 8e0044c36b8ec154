#include "tensor/context.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstring>
#include <ctime>
#include <new>
#include <numeric>
#include <thread>
#include <vector>

namespace hone {
namespace {

TEST(Context, EveryIndexRunsOnce) {
    for (int threads : {1, 2, 3, 8}) {
        const Context context(threads);
        EXPECT_EQ(context.num_threads(), threads);
        for (int64_t count : {0, 1, 2, 7, 1000}) {
            std::vector<int> runs(static_cast<size_t>(
                count));  // plain ints: two threads on one index would be a race
            context.ParallelFor(count, [&](int64_t i, int thread) {
                ASSERT_GE(thread, 0);
                ASSERT_LT(thread, threads);
                ++runs[static_cast<size_t>(i)];
            });
            for (int run : runs) EXPECT_EQ(run, 1);
        }
    }
}

TEST(Context, ThreadsWorkThroughNeighboursAndThenHelp) {
    const int64_t count = 41;
    for (int threads : {2, 3}) {
        const Context context(threads);
        std::vector<std::vector<int64_t>> done(static_cast<size_t>(threads));
        std::atomic<int64_t> others{0};
        context.ParallelFor(count, [&](int64_t i, int thread) {
            done[static_cast<size_t>(thread)].push_back(i);
            // The first run's own thread is held up: the rest of its run is left to others.
            if (i != 0) ++others;
            while (i == 0 && thread == 0 && others.load() < count - 1) std::this_thread::yield();
        });
        for (int thread = 0; thread < threads; ++thread) {
            int64_t next = count * thread / threads, end = count * (thread + 1) / threads;
            size_t at = 0;
            const auto& mine = done[static_cast<size_t>(thread)];
            for (; at < mine.size() && mine[at] == next; ++at) ++next;
            EXPECT_LE(next, end);
            int64_t last = count;
            for (; at < mine.size(); ++at) {
                EXPECT_TRUE(mine[at] < count * thread / threads || mine[at] >= end) << mine[at];
                // Of two threads the other's run, from its end.
                if (threads == 2) {
                    EXPECT_LT(mine[at], last);
                }
                last = mine[at];
            }
        }
    }
}

// What tasks wrote is visible afterwards, and to the tasks of the next call: thousands of short
// calls in a row.
TEST(Context, CallsFollowOneAnother) {
    const Context context(4);
    std::vector<int64_t> values(64);
    for (int round = 0; round < 3000; ++round) {
        context.ParallelFor(64, [&](int64_t i, int) { values[static_cast<size_t>(i)] += i; });
        // Element i was written by whoever had index i, now whoever has its neighbour's goes on
        // with it.
        context.ParallelFor(64,
                            [&](int64_t i, int) { values[static_cast<size_t>(i ^ 1)] -= 2 * i; });
    }
    EXPECT_EQ(std::accumulate(values.begin(), values.end(), int64_t{0}),
              int64_t{-3000} * 64 * 63 / 2);
}

TEST(Context, WakesThreadsThatWentToSleep) {
    const Context context(3);
    for (int round = 0; round < 5; ++round) {
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
        std::atomic<int64_t> sum{0};
        context.ParallelFor(100, [&](int64_t i, int) { sum += i; });
        EXPECT_EQ(sum.load(), 4950);
    }
}

TEST(Context, ThreadsRunAtTheSameTimeWithDifferentNumbers) {
    const Context context(3);
    std::atomic<int> inside{0};
    std::vector<int> numbers(3, -1);
    context.ParallelFor(3, [&](int64_t i, int thread) {
        numbers[static_cast<size_t>(i)] = thread;
        ++inside;
        while (inside.load() < 3) std::this_thread::yield();  // ends only if all three are here
    });
    EXPECT_EQ(numbers[0] + numbers[1] + numbers[2], 0 + 1 + 2);
    EXPECT_NE(numbers[0], numbers[1]);
}

TEST(Context, ScratchIsAlignedGrowsAndIsEachThreadsOwn) {
    const Context context(2);
    char* first = static_cast<char*>(context.Scratch(0, 100));
    EXPECT_EQ(reinterpret_cast<uintptr_t>(first) % 64, 0u);
    EXPECT_EQ(context.Scratch(0, 50), first) << "a smaller request keeps the memory";
    char* large = static_cast<char*>(context.Scratch(0, 3 << 20));
    std::memset(large, 1, 3 << 20);
    EXPECT_NE(context.Scratch(1, 100), large);
    std::atomic<int> bad{0};
    context.ParallelFor(200, [&](int64_t i, int thread) {
        int* memory = static_cast<int*>(context.Scratch(thread, 4096));
        for (int j = 0; j < 1024; ++j) memory[j] = static_cast<int>(i);
        for (int j = 0; j < 1024; ++j) bad += memory[j] != static_cast<int>(i);
    });
    EXPECT_EQ(bad.load(), 0);
}

TEST(Context, SeveralContextsLiveSideBySide) {
    const Context one(2), two(3);
    std::atomic<int> sum{0};
    one.ParallelFor(10, [&](int64_t, int) { ++sum; });
    two.ParallelFor(10, [&](int64_t, int) { ++sum; });
    EXPECT_EQ(sum.load(), 20);
    EXPECT_GE(Context().num_threads(), 1);
}

// More threads than any machine has CPUs: they take turns, and all of them come to their turn.
TEST(Context, MoreThreadsThanCpus) {
    const Context context(64);
    std::vector<int64_t> values(200);
    for (int round = 0; round < 200; ++round)
        context.ParallelFor(200, [&](int64_t i, int) { values[static_cast<size_t>(i)] += i; });
    EXPECT_EQ(std::accumulate(values.begin(), values.end(), int64_t{0}),
              int64_t{200} * 200 * 199 / 2);
    std::atomic<int> inside{0};
    context.ParallelFor(64, [&](int64_t, int) {
        ++inside;
        while (inside.load() < 64) std::this_thread::yield();  // ends only if all 64 are here
    });
    EXPECT_EQ(inside.load(), 64);
}

// Threads without work leave the CPU to others.
TEST(Context, WaitingThreadsSleep) {
    const Context context(32);
    context.ParallelFor(32, [](int64_t, int) {});
    double used = 1;
    // Where other work has the CPUs, they may still be on their way to sleep.
    for (int attempt = 0; attempt < 20 && used >= 0.025; ++attempt) {
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
        timespec before{}, after{};
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
        used = static_cast<double>(after.tv_sec - before.tv_sec) +
               1e-9 * static_cast<double>(after.tv_nsec - before.tv_nsec);
    }
    EXPECT_LT(used, 0.025);
}

TEST(Context, WhatATaskThrowsIsThrownToTheCaller) {
    const Context context(3);
    for (int64_t bad : {0, 40, 99}) {
        EXPECT_THROW(context.ParallelFor(100,
                                         [&](int64_t i, int) {
                                             if (i == bad) throw std::bad_alloc();
                                         }),
                     std::bad_alloc);
        std::atomic<int> sum{0};
        context.ParallelFor(100, [&](int64_t, int) { ++sum; });
        EXPECT_EQ(sum.load(), 100);
    }
}

TEST(ContextDeathTest, ATaskMustNotStartAnother) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_DEATH(
        {
            const Context context(2);
            context.ParallelFor(4,
                                [&](int64_t, int) { context.ParallelFor(4, [](int64_t, int) {}); });
        },
        "ParallelFor inside ParallelFor");
}

}  // namespace
}  // namespace hone
