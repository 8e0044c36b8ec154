#include "base/text/shell_word.h"

#include <gtest/gtest.h>

namespace hone {
namespace {

TEST(ShellWord, QuotesWhatAShellWouldReadOtherwise) {
    EXPECT_EQ(ShellWord("out/adapter-1.5"), "out/adapter-1.5");
    EXPECT_EQ(ShellWord("my out"), "'my out'");
    EXPECT_EQ(ShellWord("it's $HOME"), "'it'\\''s $HOME'");
    EXPECT_EQ(ShellWord(""), "''");
}

}  // namespace
}  // namespace hone
