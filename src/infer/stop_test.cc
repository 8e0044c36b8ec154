#include "infer/stop.h"

#include <gtest/gtest.h>

namespace hone {
namespace {

// What comes out when the text goes in by pieces of `size` bytes.
std::string Filter(const std::vector<std::string>& stops, const std::string& text, size_t size,
                   bool* stopped = nullptr) {
    StopFilter filter(stops);
    std::string out;
    for (size_t i = 0; i < text.size(); i += size) out += filter.Push(text.substr(i, size));
    out += filter.Finish();
    if (stopped) *stopped = filter.stopped();
    return out;
}

TEST(StopFilter, FindsAStopStringHoweverTheTextIsCut) {
    for (size_t size = 1; size <= 12; ++size) {
        bool stopped = false;
        EXPECT_EQ(Filter({"\nUser:"}, "An answer.\nUser: more", size, &stopped), "An answer.")
            << size;
        EXPECT_TRUE(stopped);
        EXPECT_EQ(Filter({"\nUser:"}, "A line\nUses of", size, &stopped), "A line\nUses of")
            << size;
        EXPECT_FALSE(stopped);
        EXPECT_EQ(Filter({"aab"}, "aaab", size), "a") << size;
        EXPECT_EQ(Filter({"abab!", "x"}, "ababab!", size), "ab") << size;
    }
}

TEST(StopFilter, TheOneThatIsCompleteFirstCounts) {
    for (size_t size = 1; size <= 8; ++size) {
        EXPECT_EQ(Filter({"abcd", "bc"}, "xabcd", size), "xa") << size;
        EXPECT_EQ(Filter({"bc", "abc"}, "xabcd", size), "x") << size;
    }
}

TEST(StopFilter, HoldsBackNoMoreThanItMust) {
    StopFilter filter({"<end>"});
    EXPECT_EQ(filter.Push("text <e"), "text ");
    EXPECT_EQ(filter.Push("x"), "<ex");
    EXPECT_EQ(filter.Push("<end"), "");
    EXPECT_EQ(filter.Finish(), "<end");
}

TEST(StopFilter, EmptyStringsStopNothing) {
    EXPECT_EQ(Filter({""}, "text", 1), "text");
    EXPECT_EQ(Filter({}, "text", 2), "text");
}

}  // namespace
}  // namespace hone
