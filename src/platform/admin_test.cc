#include "platform/admin/admin.h"

#include <gmock/gmock.h>

#include "platform/testing.h"

namespace hone::platform {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// The only file below a folder.
std::string OnlyFile(const std::string& folder) {
    std::string path;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder))
        if (entry.is_regular_file()) path = entry.path();
    return path;
}

TEST(Admin, ABackupIsRestoredWhole) {
    if (!TestPostgresql().empty()) GTEST_SKIP() << "PostgreSQL has its own tools for this";
    TestPlatform test;
    const std::string file = test.Upload(TestPlatform::Chats(12));
    const auto report = test.platform->admin().BackUp(test.folder / "backup").value();
    EXPECT_EQ(report.files, 1);
    EXPECT_TRUE(report.problems.empty());
    EXPECT_FALSE(test.platform->admin().BackUp(test.folder / "backup").ok());
    ASSERT_TRUE(test.platform->files().Delete(test.caller, file).ok());
    ASSERT_TRUE(Admin::Restore(test.folder / "backup", test.folder / "restored").ok());
    EXPECT_FALSE(Admin::Restore(test.folder / "backup", test.folder / "restored").ok());
    EXPECT_FALSE(Admin::Restore(test.folder / "none", test.folder / "other").ok());
    TestPlatform restored(test.folder / "restored");
    EXPECT_EQ(restored.Content(file), TestPlatform::Chats(12));
    EXPECT_TRUE(restored.platform->admin().Check()->problems.empty());
}

TEST(Admin, ACheckFindsWhatWasChangedOrLost) {
    TestPlatform test;
    test.Upload(TestPlatform::Chats(12));
    EXPECT_TRUE(test.platform->admin().Check()->problems.empty());
    const std::string blob = OnlyFile(test.options.data_dir + "/blobs");
    ASSERT_TRUE(WriteFileAtomic(blob, "something else").ok());
    EXPECT_THAT(test.platform->admin().Check()->problems, ElementsAre(HasSubstr("was changed")));
    std::filesystem::remove(blob);
    EXPECT_THAT(test.platform->admin().Check()->problems, ElementsAre(HasSubstr("cannot be read")));
}

}  // namespace
}  // namespace hone::platform
