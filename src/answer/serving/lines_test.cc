#include "answer/serving/lines.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <vector>

#include "base/clock.h"
#include "base/status.h"

namespace hone {
namespace {

struct Pipe {
    Pipe() { HONE_CHECK(pipe(fds) == 0); }
    ~Pipe() {
        close(fds[0]);
        if (fds[1] >= 0) close(fds[1]);
    }
    void Put(const std::string& text) const {
        HONE_CHECK(write(fds[1], text.data(), text.size()) == static_cast<ssize_t>(text.size()));
    }
    void End() {
        close(fds[1]);
        fds[1] = -1;
    }
    int fds[2];
};

TEST(LineReader, GivesLinesWhole) {
    Pipe pipe;
    LineReader reader(pipe.fds[0], 8);
    std::optional<std::string> line;
    pipe.Put("one\ntw");
    ASSERT_TRUE(reader.Take(10, line));
    EXPECT_EQ(line, "one");
    EXPECT_FALSE(reader.Take(0.01, line));
    pipe.Put("o\n\n12345678\n123456789\nlast");
    std::vector<std::optional<std::string>> lines;
    for (int i = 0; i < 3; ++i) {
        ASSERT_TRUE(reader.Take(10, line));
        lines.push_back(line);
    }
    EXPECT_EQ(lines, (std::vector<std::optional<std::string>>{"two", "12345678", std::nullopt}));
    EXPECT_FALSE(reader.ended());
    pipe.End();
    EXPECT_FALSE(reader.Take(10, line));  // a line without an end is none
    EXPECT_TRUE(reader.ended());
}

TEST(LineReader, EndsWhileItReads) {
    Pipe pipe;
    const double start = NowSeconds();
    { LineReader reader(pipe.fds[0], 8); }
    {
        LineReader reader(pipe.fds[0], 8);
        pipe.Put("12345678\n12345678\n12345678\n12345678\n");  // more than it reads ahead
        std::optional<std::string> line;
        EXPECT_TRUE(reader.Take(10, line));
    }
    EXPECT_LT(NowSeconds() - start, 5);
}

TEST(LineWriter, NoticesThatNobodyReads) {
    Pipe pipe;
    LineWriter writer(pipe.fds[1]);
    writer.Write({{"a", 1}});
    EXPECT_FALSE(writer.broken());
    char bytes[16];
    ASSERT_EQ(read(pipe.fds[0], bytes, sizeof bytes), 8);
    EXPECT_EQ(std::string(bytes, 8), "{\"a\":1}\n");
    LineWriter closed(-1);
    closed.Write({{"a", 1}});
    EXPECT_TRUE(closed.broken());
}

}  // namespace
}  // namespace hone
