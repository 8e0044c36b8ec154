#include "base/files/file.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "base/files/testing.h"

namespace hone {
namespace {

using testing::HasSubstr;
namespace fs = std::filesystem;

class FileTest : public testing::Test {
  protected:
    void TearDown() override { SetFileFault(nullptr); }
    std::string Path(const std::string& name) const { return folder_ / name; }
    size_t Entries() const {
        return static_cast<size_t>(
            std::distance(fs::directory_iterator(folder_.path()), fs::directory_iterator()));
    }
    const TestFolder folder_;
};

TEST_F(FileTest, WhatIsWrittenIsRead) {
    const std::string text("a\0b\nc", 5);
    ASSERT_TRUE(WriteFileAtomic(Path("x"), text).ok());
    EXPECT_EQ(*ReadFile(Path("x")), text);
    auto map = MappedFile::Open(Path("x"));
    ASSERT_TRUE(map.ok());
    EXPECT_EQ((*map)->text(), text);
    EXPECT_EQ((*map)->path(), Path("x"));
    (*map)->DropPages();
    EXPECT_EQ((*map)->bytes()[2], 'b');  // read again from the file
    ASSERT_TRUE(WriteFileAtomic(Path("x"), "new").ok());
    EXPECT_EQ(*ReadFile(Path("x")), "new");
    EXPECT_EQ((*map)->text(), text) << "a map keeps the file that it opened";
    EXPECT_EQ(Entries(), 1u);
}

TEST_F(FileTest, AnEmptyFileIsAnEmptySpan) {
    ASSERT_TRUE(WriteFileAtomic(Path("empty"), "").ok());
    auto map = MappedFile::Open(Path("empty"));
    ASSERT_TRUE(map.ok());
    EXPECT_TRUE((*map)->bytes().empty());
    EXPECT_EQ(*ReadFile(Path("empty")), "");
}

TEST_F(FileTest, OnlyRegularFilesAreOpenedAndNoneIsWaitedFor) {
    ASSERT_EQ(mkfifo(Path("pipe").c_str(), 0600), 0);
    for (const auto& [path, what] :
         {std::pair(Path("pipe"), "named pipe"), std::pair(folder_.path(), "folder"),
          std::pair(std::string("/dev/null"), "device")}) {
        const std::string message(ReadFile(path).status().message());
        EXPECT_THAT(message, HasSubstr(path));
        EXPECT_THAT(message, HasSubstr(what));
        EXPECT_THAT(message, HasSubstr("not a regular file"));
    }
}

TEST_F(FileTest, WhatIsCutFromAMapReadsAsZeros) {
    const std::string text(100'000, 'x');
    ASSERT_TRUE(WriteFileAtomic(Path("x"), text).ok());
    ASSERT_TRUE(WriteFileAtomic(Path("y"), text).ok());
    auto map = *MappedFile::Open(Path("x")), other = *MappedFile::Open(Path("y"));
    ASSERT_EQ(truncate(Path("x").c_str(), 5), 0);
    EXPECT_EQ(map->bytes()[4], 'x');
    EXPECT_TRUE(map->CheckReadable().ok());  // nothing was missed yet
    EXPECT_EQ(map->bytes()[50'000], 0);
    EXPECT_EQ(map->bytes()[99'999], 0);
    EXPECT_EQ(map->bytes()[4], 'x');
    EXPECT_THAT(std::string(map->CheckReadable().message()), HasSubstr("cut short"));
    EXPECT_EQ(other->text(), text);
    EXPECT_TRUE(other->CheckUnchanged().ok());
    // A place in the list is used again, and then knows nothing of the map before.
    map.reset();
    auto third = *MappedFile::Open(Path("y"));
    EXPECT_TRUE(third->CheckUnchanged().ok());
}

TEST_F(FileTest, AChangedFileIsNoticed) {
    auto age = [&] {  // so that the next write has another time, however coarse the clock is
        const timespec times[2] = {{1, 0}, {1, 0}};
        ASSERT_EQ(utimensat(AT_FDCWD, Path("x").c_str(), times, 0), 0);
    };
    auto message = [](const MappedFile& map) {
        return std::string(map.CheckUnchanged().message());
    };
    ASSERT_TRUE(WriteFileAtomic(Path("x"), "12345").ok());
    age();
    auto map = *MappedFile::Open(Path("x"));
    EXPECT_EQ(message(*map), "");
    ASSERT_TRUE((*AppendFile::Open(Path("x")))->Append("6").ok());
    EXPECT_THAT(message(*map), HasSubstr("written to"));
    age();
    map = *MappedFile::Open(Path("x"));
    ASSERT_EQ(truncate(Path("x").c_str(), 2), 0);
    EXPECT_THAT(message(*map), HasSubstr("cut short"));
    map = *MappedFile::Open(Path("x"));
    ASSERT_TRUE(WriteFileAtomic(Path("x"), "12").ok());
    EXPECT_THAT(message(*map), HasSubstr("replaced"));
    map = *MappedFile::Open(Path("x"));
    ASSERT_EQ(unlink(Path("x").c_str()), 0);
    EXPECT_EQ(message(*map), "") << "the map keeps a file that is gone";
}

TEST_F(FileTest, ReadFileStopsAtItsLimit) {
    ASSERT_TRUE(WriteFileAtomic(Path("x"), "12345").ok());
    EXPECT_EQ(*ReadFile(Path("x"), 5), "12345");
    EXPECT_THAT(std::string(ReadFile(Path("x"), 4).status().message()),
                HasSubstr("5 bytes, more than the limit of 4"));
}

TEST_F(FileTest, ErrorsNameThePath) {
    EXPECT_THAT(std::string(ReadFile(Path("missing")).status().message()),
                HasSubstr(Path("missing")));
    EXPECT_THAT(std::string(MappedFile::Open(folder_.path()).status().message()),
                HasSubstr("not a regular file"));
    EXPECT_THAT(std::string(WriteFileAtomic(Path("no/such/folder"), "x").message()),
                HasSubstr("cannot create"));
}

TEST_F(FileTest, WithoutCommitNothingRemains) {
    {
        auto file = AtomicFile::Create(Path("x"));
        ASSERT_TRUE(file.ok());
        ASSERT_TRUE((*file)->Write("half").ok());
        EXPECT_EQ(Entries(), 1u);
        EXPECT_FALSE(fs::exists(Path("x")));
    }
    EXPECT_EQ(Entries(), 0u);
}

TEST_F(FileTest, EveryFaultLeavesTheOldFileAndNoTemporary) {
    ASSERT_TRUE(WriteFileAtomic(Path("x"), "old").ok());
    for (std::string_view failing : {"create", "write", "sync", "rename"}) {
        int asked = 0;
        SetFileFault([&](std::string_view operation, const std::string& path) {
            EXPECT_EQ(path, Path("x"));
            ++asked;
            return operation == failing ? ENOSPC : 0;
        });
        const absl::Status status = WriteFileAtomic(Path("x"), "new");
        SetFileFault(nullptr);
        EXPECT_GT(asked, 0);
        ASSERT_FALSE(status.ok()) << failing;
        EXPECT_THAT(std::string(status.message()), HasSubstr("No space left on device")) << failing;
        EXPECT_THAT(std::string(status.message()), HasSubstr("free some space")) << failing;
        EXPECT_EQ(*ReadFile(Path("x")), "old") << failing;
        EXPECT_EQ(Entries(), 1u) << failing;
    }
    EXPECT_TRUE(WriteFileAtomic(Path("x"), "new").ok());
    EXPECT_EQ(*ReadFile(Path("x")), "new");
}

TEST_F(FileTest, AppendedBytesFollowWhatWasThere) {
    for (const char* line : {"one\n", "two\n"}) {
        auto file = AppendFile::Open(Path("log"));
        ASSERT_TRUE(file.ok());
        EXPECT_EQ((*file)->path(), Path("log"));
        ASSERT_TRUE((*file)->Append(line).ok());
        ASSERT_TRUE((*file)->Append("").ok());
    }
    EXPECT_EQ(*ReadFile(Path("log")), "one\ntwo\n");
    auto file = AppendFile::Open(Path("log"));
    SetFileFault([](std::string_view operation, const std::string&) {
        return operation == "write" ? EACCES : 0;
    });
    EXPECT_THAT(std::string((*file)->Append("three").message()),
                HasSubstr("check the permissions"));
    SetFileFault([](std::string_view operation, const std::string&) {
        return operation == "create" ? EMFILE : 0;
    });
    EXPECT_FALSE(AppendFile::Open(Path("other")).ok());
    SetFileFault(nullptr);
    EXPECT_EQ(*ReadFile(Path("log")), "one\ntwo\n");
    EXPECT_EQ(Entries(), 1u);
}

TEST_F(FileTest, RenamedFoldersAreWholeOrNotThere) {
    ASSERT_TRUE(MakeDirectories(Path("tmp")).ok());
    ASSERT_TRUE(WriteFileAtomic(Path("tmp/x"), "x").ok());
    SetFileFault([](std::string_view operation, const std::string&) {
        return operation == "rename" ? ENOSPC : 0;
    });
    EXPECT_FALSE(RenameFolder(Path("tmp"), Path("done")).ok());
    SetFileFault(nullptr);
    EXPECT_TRUE(fs::exists(Path("tmp/x")));
    EXPECT_FALSE(fs::exists(Path("done")));
    EXPECT_TRUE(RenameFolder(Path("tmp"), Path("done")).ok());
    EXPECT_EQ(*ReadFile(Path("done/x")), "x");
    EXPECT_FALSE(fs::exists(Path("tmp")));
    EXPECT_FALSE(RenameFolder(Path("tmp"), Path("again")).ok());
}

TEST_F(FileTest, Directories) {
    EXPECT_TRUE(MakeDirectories(Path("a/b/c")).ok());
    EXPECT_TRUE(MakeDirectories(Path("a/b/c")).ok());
    EXPECT_TRUE(SyncDirectory(Path("a/b/c")).ok());
    EXPECT_FALSE(SyncDirectory(Path("none")).ok());
    ASSERT_TRUE(WriteFileAtomic(Path("file"), "x").ok());
    EXPECT_THAT(std::string(MakeDirectories(Path("file/under")).message()),
                HasSubstr("cannot create the folder"));
}

}  // namespace
}  // namespace hone
