#include "train/control/command_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <string_view>

#include "train/control/testing.h"

namespace hone {
namespace {

// The two ends of a pipe.
struct Pipe {
    Pipe() { EXPECT_EQ(pipe(ends), 0); }
    ~Pipe() {
        close(ends[0]);
        Close();
    }
    void Write(std::string_view text) {
        EXPECT_EQ(write(ends[1], text.data(), text.size()), static_cast<ssize_t>(text.size()));
    }
    void Close() {
        if (ends[1] >= 0) close(ends[1]);
        ends[1] = -1;
    }
    int ends[2] = {-1, -1};
};

// Whether it comes true within some seconds.
bool Soon(const std::function<bool()>& condition) {
    for (int i = 0; i < 10'000; ++i) {
        if (condition()) return true;
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return false;
}

TEST(CommandReader, DoesWhatTheLinesSay) {
    Pipe input;
    Watched run;
    const CommandReader reader(input.ends[0], run.control, run.events);
    const auto becomes = [&](RunCommand command) {
        return Soon([&] { return run.control.command() == command; });
    };
    input.Write("pause\n");
    EXPECT_TRUE(becomes(RunCommand::kPause));
    input.Write("\n g");
    input.Write("o \r\n");
    EXPECT_TRUE(becomes(RunCommand::kGo));
    input.Write("pause\nstop\n");
    EXPECT_TRUE(becomes(RunCommand::kStop));
    input.Write("cancel");
    input.Close();  // the last line needs no end
    EXPECT_TRUE(becomes(RunCommand::kCancel));
}

TEST(CommandReader, OtherLinesAreWarnings) {
    Pipe input;
    Watched run;
    {
        const CommandReader reader(input.ends[0], run.control, run.events);
        input.Write(std::string(10'000, 'x') + "\nhalt\ngo\npause\n");
        EXPECT_TRUE(Soon([&] { return run.control.command() == RunCommand::kPause; }));
    }
    ASSERT_EQ(run.heard.warnings.size(), 2u);
    EXPECT_LT(run.heard.warnings[0].size(), 200u);
    EXPECT_THAT(run.heard.warnings[1], testing::HasSubstr("\"halt\" is no command to a run"));
}

TEST(CommandReader, EndsWhileItWaits) {
    Pipe input;
    Watched run;
    { const CommandReader reader(input.ends[0], run.control, run.events); }
    EXPECT_EQ(run.control.command(), RunCommand::kGo);
}

}  // namespace
}  // namespace hone
