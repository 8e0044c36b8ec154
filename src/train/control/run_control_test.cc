#include "train/control/run_control.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <time.h>

#include <chrono>
#include <thread>

namespace hone {
namespace {

TEST(RunControl, TheHeavierWishWins) {
    RunControl control;
    EXPECT_EQ(control.command(), RunCommand::kGo);
    control.Pause();
    EXPECT_EQ(control.command(), RunCommand::kPause);
    EXPECT_FALSE(control.ending());
    control.Go();
    EXPECT_EQ(control.command(), RunCommand::kGo);
    control.Pause();
    control.Stop();
    EXPECT_TRUE(control.ending());
    for (auto lighter : {&RunControl::Go, &RunControl::Pause, &RunControl::Stop}) {
        (control.*lighter)();
        EXPECT_EQ(control.command(), RunCommand::kStop);
    }
    control.Cancel();
    control.Stop();
    EXPECT_EQ(control.command(), RunCommand::kCancel);
    control.Reset();
    EXPECT_EQ(control.command(), RunCommand::kGo);
}

double ThreadSeconds() {
    timespec now{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

TEST(RunControl, APauseSleepsUntilItEnds) {
    for (auto end : {&RunControl::Go, &RunControl::Stop, &RunControl::Cancel}) {
        RunControl control;
        control.Pause();
        std::thread other([&] {
            std::this_thread::sleep_for(std::chrono::milliseconds(200));
            (control.*end)();
        });
        const double begin = ThreadSeconds();
        EXPECT_NE(control.WaitWhilePaused(), RunCommand::kPause);
        EXPECT_LT(ThreadSeconds() - begin, 0.05) << "of 0.2 s";
        other.join();
    }
}

// ThreadSanitizer keeps a signal until its thread makes a call that it knows; the sleep is none.
#if defined(__SANITIZE_THREAD__)
constexpr bool kSignalsWait = true;
#elif defined(__has_feature)
constexpr bool kSignalsWait = __has_feature(thread_sanitizer);
#else
constexpr bool kSignalsWait = false;
#endif

RunControl signalled;

// The handler runs on the very thread that sleeps.
TEST(RunControl, ASignalHandlerWakesAPause) {
    if (kSignalsWait) GTEST_SKIP() << "run without signals: ThreadSanitizer keeps them";
    struct sigaction action {
    }, before{};
    action.sa_handler = [](int) { signalled.Stop(); };
    action.sa_flags = SA_RESTART;
    ASSERT_EQ(sigaction(SIGUSR1, &action, &before), 0);
    signalled.Pause();
    const pthread_t sleeper = pthread_self();
    std::thread other([&] {
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
        pthread_kill(sleeper, SIGUSR1);
    });
    EXPECT_EQ(signalled.WaitWhilePaused(), RunCommand::kStop);
    other.join();
    sigaction(SIGUSR1, &before, nullptr);
}

}  // namespace
}  // namespace hone
