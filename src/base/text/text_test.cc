#include "base/text/text.h"

#include <gtest/gtest.h>

#include <limits>

namespace hone {
namespace {

TEST(Text, SpellsSizesCountsAndTimes) {
    EXPECT_EQ(FormatBytes(999), "999 B");
    EXPECT_EQ(FormatBytes(12'345), "12 kB");
    EXPECT_EQ(FormatBytes(999'499), "999 kB");
    EXPECT_EQ(FormatBytes(999'500), "1 MB");
    EXPECT_EQ(FormatBytes(269'060'000), "269 MB");
    EXPECT_EQ(FormatBytes(999'500'000), "1.0 GB");
    EXPECT_EQ(FormatBytes(3'140'000'000), "3.1 GB");
    EXPECT_EQ(FormatCount(0), "0");
    EXPECT_EQ(FormatCount(999), "999");
    EXPECT_EQ(FormatCount(134515008), "134,515,008");
    EXPECT_EQ(FormatCount(-1234), "-1,234");
    EXPECT_EQ(FormatDuration(3.94), "3.9 s");
    EXPECT_EQ(FormatDuration(59.4), "59 s");
    EXPECT_EQ(FormatDuration(200), "3 min 20 s");
    EXPECT_EQ(FormatDuration(7500), "2 h 05 min");
    EXPECT_EQ(FormatDuration(-1), "?");
}

TEST(Text, Utf8ByTheLetter) {
    for (const char* good :
         {"", "a", "\u00e4", "\u20ac", "\U0001f600", "\xed\x9f\xbf", "\xf4\x8f\xbf\xbf"})
        EXPECT_TRUE(IsUtf8(good)) << good;
    for (const char* bad :
         {"\x80", "\xc3", "\xc0\x80", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xf0\x8f\xbf\xbf",
          "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xe2\x82", "a\xff"})
        EXPECT_FALSE(IsUtf8(bad)) << bad;
}

TEST(Text, BlankIsWhiteSpaceAlone) {
    EXPECT_TRUE(IsBlank(""));
    EXPECT_TRUE(IsBlank(" \t\r\n\f\v"));
    EXPECT_FALSE(IsBlank(" x "));
    EXPECT_FALSE(IsBlank("\u00a0"));
    EXPECT_FALSE(IsBlank(std::string_view("\0", 1)));
}

}  // namespace
}  // namespace hone
