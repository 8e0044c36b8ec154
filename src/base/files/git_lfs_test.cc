#include "base/files/git_lfs.h"

#include <gtest/gtest.h>

namespace hone {
namespace {

TEST(GitLfsTest, APointerIsKnownByItsFirstLine) {
    EXPECT_TRUE(IsGitLfsPointer(
        "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"));
    EXPECT_FALSE(IsGitLfsPointer("{\"version\": \"1.0\"}"));
    EXPECT_FALSE(IsGitLfsPointer("version https://git-lfs"));
    EXPECT_FALSE(IsGitLfsPointer(""));
}

TEST(GitLfsTest, TheErrorSaysWhatToDo) {
    absl::Status error = GitLfsPointerError("m/tokenizer.json");
    EXPECT_EQ(ExitCode(error), 4);
    EXPECT_EQ(error.message().find("m/tokenizer.json is a Git LFS pointer, not the file"), 0u);
    EXPECT_NE(error.message().find("git lfs pull"), std::string::npos);
}

}  // namespace
}  // namespace hone
