#include "cli/terminal/layout.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hone {
namespace {

using testing::ElementsAre;

TEST(WrapText, BreaksAtSpacesAndInsideWordsThatAreTooLong) {
    EXPECT_THAT(WrapText("one two three", 7), ElementsAre("one two", "three"));
    EXPECT_THAT(WrapText("one two three", 6), ElementsAre("one", "two", "three"));
    EXPECT_THAT(WrapText("abcdefgh", 3), ElementsAre("abc", "def", "gh"));
    EXPECT_THAT(WrapText("a\n\nb", 5), ElementsAre("a", "", "b"));
    EXPECT_THAT(WrapText("", 5), ElementsAre(""));
    EXPECT_THAT(WrapText("  indented words", 10), ElementsAre("  indented", "words"));
    EXPECT_THAT(WrapText("ab   cd", 3), ElementsAre("ab", "cd"));
}

TEST(WrapText, CountsColumnsNotBytes) {
    EXPECT_THAT(WrapText("äöü äöü", 3), ElementsAre("äöü", "äöü"));
    EXPECT_THAT(WrapText("日本語", 4), ElementsAre("日本", "語"));
    EXPECT_EQ(DisplayWidth("e\xcc\x81"), 1);  // e and a combining accent
    EXPECT_EQ(DisplayWidth("😀"), 2);
}

TEST(Printable, DropsWhatWouldSteerATerminal) {
    EXPECT_EQ(Printable("a\x1b[31mb\r\x07\n\t"), "a[31mb\n\t");
    EXPECT_EQ(Printable("\xc2\x9b"
                        "2J"),
              "2J");  // C1's control sequence introducer
    EXPECT_EQ(Printable("a\xff"
                        "b"),
              "a\xef\xbf\xbd"
              "b");
    EXPECT_EQ(Printable("\xc0\x80"), "\xef\xbf\xbd\xef\xbf\xbd");  // an overlong form
}

TEST(SideBySide, PutsBothIntoColumnsOfOneWidth) {
    EXPECT_EQ(SideBySide({{"base", "one two three"}, {"tuned", "x"}}, 15, false),
              "base   │ tuned\n"
              "one    │ x\n"
              "two    │\n"
              "three  │\n");
    EXPECT_EQ(SideBySide({{"base", "a"}, {"one", "b c"}, {"two", "d\n\ne"}}, 18, false),
              "base │ one  │ two\n"
              "a    │ b c  │ d\n"
              "     │      │\n"
              "     │      │ e\n");
    EXPECT_EQ(SideBySide({{"base", "a b"}}, 1, false), "b\na\ns\ne\na\nb\n");
    for (int width : {20, 41, 80}) {
        const std::string text =
            SideBySide({{"a", std::string(300, 'x') + " 日本語 " + std::string(50, 'y')},
                        {"b", "short words that have to be wrapped too"}},
                       width, false);
        for (size_t begin = 0; begin < text.size();) {
            const size_t end = text.find('\n', begin);
            EXPECT_LE(DisplayWidth(text.substr(begin, end - begin)), width);
            begin = end + 1;
        }
    }
}

TEST(SideBySide, ColoursOnlyTheTitlesAndOnlyWhenAsked) {
    EXPECT_EQ(SideBySide({{"a", "b"}, {"c", "d"}}, 40, false).find('\x1b'), std::string::npos);
    const std::string coloured = SideBySide({{"a", "b"}, {"c", "d"}}, 40, true);
    EXPECT_LT(coloured.rfind('\x1b'), coloured.find('\n'));
}

}  // namespace
}  // namespace hone
