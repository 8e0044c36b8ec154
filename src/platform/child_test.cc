#include "platform/execute/child.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <thread>

#include "base/files/testing.h"
#include "gtest/gtest.h"

namespace hone::platform {
namespace {

// A child that makes a file, whose standard input, output and error lead nowhere.
class ChildTest : public ::testing::Test {
  protected:
    ChildTest() : nowhere_(open("/dev/null", O_RDWR | O_CLOEXEC)) {}
    ~ChildTest() override { close(nowhere_); }

    ChildOptions Options() const {
        return {.arguments = {"/usr/bin/touch", file_},
                .environment = ChildEnvironment(),
                .input = nowhere_,
                .output = nowhere_,
                .log = nowhere_};
    }
    bool Made() const { return std::filesystem::exists(file_); }

    const TestFolder folder_;
    const std::string file_ = folder_ / "made";
    const int nowhere_;
};

TEST_F(ChildTest, IsWrittenDownBeforeItsProgramBegins) {
    ChildOptions options = Options();
    pid_t recorded = 0;
    bool made_before = true;
    options.record = [&](pid_t pid) {
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
        recorded = pid;
        made_before = Made();
        EXPECT_NE(ProcessStart(pid), 0u);
        return absl::OkStatus();
    };
    const auto pid = StartChild(options);
    ASSERT_TRUE(pid.ok()) << pid.status();
    int status = 0;
    ASSERT_EQ(waitpid(*pid, &status, 0), *pid);
    EXPECT_EQ(status, 0);
    EXPECT_EQ(recorded, *pid);
    EXPECT_FALSE(made_before);
    EXPECT_TRUE(Made());
    EXPECT_EQ(ProcessStart(*pid), 0u);
}

TEST_F(ChildTest, NeverBeginsWhereItCannotBeWrittenDown) {
    ChildOptions options = Options();
    pid_t recorded = 0;
    options.record = [&](pid_t pid) {
        recorded = pid;
        return OtherError("the disk is full");
    };
    const auto pid = StartChild(options);
    EXPECT_EQ(pid.status().message(), "the disk is full");
    EXPECT_EQ(ProcessStart(recorded), 0u);
    EXPECT_FALSE(Made());
}

}  // namespace
}  // namespace hone::platform
