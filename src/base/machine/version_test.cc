#include "base/machine/version.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/files/file.h"

namespace hone {
namespace {

TEST(Version, IsTheProjects) {
    const auto text = ReadFile(HONE_SOURCE_DIR "/CMakeLists.txt");
    ASSERT_TRUE(text.ok()) << text.status();
    EXPECT_THAT(*text, testing::HasSubstr(fmt::format("project(hone VERSION {} ", kVersion)));
}

}  // namespace
}  // namespace hone
