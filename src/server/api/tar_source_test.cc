#include "server/api/tar_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/files/test_files.h"
#include "base/files/testing.h"
#include "base/machine/process.h"

namespace hone::server {
namespace {

TEST(Tar, IsWhatTarReads) {
    TestFolder folder;
    const std::string large(1'000'001, 'x');
    folder.Write("in/b.json", "{}");
    folder.Write("in/a.bin", large);
    folder.Write("in/empty", "");
    folder.Write("in/512", std::string(512, 'y'));
    folder.Write("in/below/c", "not this one");
    const auto source = OpenTar(folder / "in", "model");
    ASSERT_TRUE(source.ok()) << source.status();
    std::string archive, piece;
    do {
        ASSERT_TRUE((*source)->Read(1000, piece).ok());
        EXPECT_LE(piece.size(), 1000 + 1024u);
        archive += piece;
    } while (!piece.empty());
    EXPECT_EQ(archive.size(), (*source)->size());
    const std::string path = folder.Write("out.tar", archive);
    const auto listed = RunProcess({"tar", "-tf", path});
    ASSERT_TRUE(listed.ok());
    EXPECT_EQ(listed->output, "model/512\nmodel/a.bin\nmodel/b.json\nmodel/empty\n");
    ASSERT_EQ(RunProcess({"tar", "-C", folder.path(), "-xf", path})->exit_code, 0);
    EXPECT_EQ(testkit::Get(folder / "model/a.bin"), large);
    EXPECT_EQ(testkit::Get(folder / "model/b.json"), "{}");
    EXPECT_EQ(testkit::Get(folder / "model/512"), std::string(512, 'y'));
}

TEST(Tar, ANameThatIsTooLongIsAnError) {
    TestFolder folder;
    folder.Write(std::string(94, 'n'), "");
    EXPECT_TRUE(OpenTar(folder.path(), "model").ok());
    folder.Write(std::string(95, 'n'), "");
    EXPECT_FALSE(OpenTar(folder.path(), "model").ok());
    EXPECT_FALSE(OpenTar(folder / "none", "model").ok());
}

}  // namespace
}  // namespace hone::server
