#include "base/machine/process.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/clock.h"
#include "base/watch.h"

namespace hone {
namespace {

using testing::HasSubstr;

TEST(Process, OutputAndExitCode) {
    auto result = RunProcess({"sh", "-c", "echo out; echo error >&2; exit 3"});
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_EQ(result->exit_code, 3);
    EXPECT_EQ(result->output, "out\nerror\n");
    EXPECT_EQ(RunProcess({"true"})->exit_code, 0);
}

TEST(Process, ArgumentsArePassedAsTheyAre) {
    auto result = RunProcess({"printf", "%s|", "a b", "$HOME", "*", ""});
    ASSERT_TRUE(result.ok());
    EXPECT_EQ(result->output, "a b|$HOME|*||");
}

TEST(Process, StandardInputIsEmpty) {
    auto result = RunProcess({"cat"});
    ASSERT_TRUE(result.ok());
    EXPECT_EQ(result->output, "");
    EXPECT_EQ(result->exit_code, 0);
}

TEST(Process, ASignalIs128AndItsNumber) {
    auto result = RunProcess({"sh", "-c", "kill -TERM $$"});
    ASSERT_TRUE(result.ok());
    EXPECT_EQ(result->exit_code, 128 + 15);
}

TEST(Process, OutputIsCutAtOneMebibyte) {
    constexpr size_t kLimit = size_t{1} << 20;
    const auto bytes = [](size_t n) {
        return RunProcess({"head", "-c", std::to_string(n), "/dev/zero"})->output.size();
    };
    EXPECT_EQ(bytes(kLimit), kLimit);
    EXPECT_EQ(bytes(kLimit + 1), kLimit);
}

TEST(Process, AWatcherEndsIt) {
    int asked = 0;
    const ScopedWatcher watcher([&](double, int64_t) { return ++asked < 3; });
    const double begin = NowSeconds();
    const auto result = RunProcess({"sleep", "60"});
    EXPECT_EQ(KindOf(result.status()), ErrorKind::kInterrupted) << result.status();
    EXPECT_LT(NowSeconds() - begin, 30);
}

TEST(Process, AMissingProgramIsAnError) {
    EXPECT_THAT(std::string(RunProcess({"hone-no-such-program"}).status().message()),
                HasSubstr("cannot run hone-no-such-program"));
}

}  // namespace
}  // namespace hone
