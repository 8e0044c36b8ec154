#include "hub/zip_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/files/zip_testing.h"
#include "base/limits.h"

namespace hone {
namespace {

using testing::HasSubstr;
using testkit::Bytes;
using testkit::ZipMember;
using testkit::ZipOf;

constexpr uint64_t kLimit = 10'000'000;

class Zip : public testing::Test {
  protected:
    absl::Status Extract(const std::string& archive, std::string_view member,
                         uint64_t limit = kLimit) {
        return ExtractZipMember(Bytes(archive), member, folder_ / "out", limit);
    }
    std::string Error(const std::string& archive, std::string_view member,
                      uint64_t limit = kLimit) {
        absl::Status status = Extract(archive, member, limit);
        EXPECT_FALSE(status.ok());
        EXPECT_EQ(KindOf(status), ErrorKind::kModel);
        EXPECT_TRUE(std::filesystem::is_empty(folder_.path())) << "something is left behind";
        return std::string(status.message());
    }
    TestFolder folder_;
};

TEST_F(Zip, StoredDeflatedAndZip64) {
    std::string text;
    for (int64_t i = 0; i < 300'000; ++i) text += fmt::format("{} ", i * i % 1009);
    for (bool deflate : {false, true}) {
        for (bool zip64 : {false, true}) {
            std::string archive = ZipOf(
                {{"other", "x"}, {"dir/big", text, deflate, zip64}, {"empty", ""}}, zip64, "hello");
            ASSERT_TRUE(Extract(archive, "dir/big").ok()) << Extract(archive, "dir/big");
            EXPECT_EQ(testkit::Get(folder_ / "out"), text);
            ASSERT_TRUE(Extract(archive, "empty").ok());
            EXPECT_EQ(testkit::Get(folder_ / "out"), "");
        }
    }
}

TEST_F(Zip, SizeAtTheLimitAndPastIt) {
    std::string archive = ZipOf({{"a", "12345678"}});
    EXPECT_THAT(Error(archive, "a", 7), HasSubstr("more than the limit of 7"));
    EXPECT_TRUE(Extract(archive, "a", 8).ok());
}

TEST_F(Zip, EntriesAtTheLimitAndPastIt) {
    const std::string one = ZipOf({{"a", "x", false}});
    const size_t entry = one.find("PK\x01\x02"), end = one.find("PK\x05\x06");
    const auto with_entries = [&](size_t count) {
        std::string archive = one.substr(0, entry);
        for (size_t i = 0; i < count; ++i) archive += one.substr(entry, end - entry);
        const auto size = static_cast<uint32_t>(archive.size() - entry);
        std::string last = one.substr(end);
        last.replace(12, 4, testkit::Raw(size));
        return archive + last;
    };
    EXPECT_THAT(Error(with_entries(kMaxZipEntries + 1), "a"),
                HasSubstr("more than the limit of 200000 entries"));
    EXPECT_TRUE(Extract(with_entries(kMaxZipEntries), "a").ok());
}

TEST_F(Zip, ArchivesThatLie) {
    std::string good = ZipOf({{"a", "some text, some text, some text"}});
    EXPECT_THAT(Error(good, "b"), HasSubstr("does not hold b"));
    EXPECT_THAT(Error("", "a"), HasSubstr("too short"));
    EXPECT_THAT(Error(std::string(100, 'x'), "a"), HasSubstr("no ZIP archive"));
    ZipMember member{"a", "some text, some text, some text"};
    member.crc_error = 1;
    EXPECT_THAT(Error(ZipOf({member}), "a"), HasSubstr("checksum"));
    member.crc_error = 0;
    member.size = 5;
    EXPECT_THAT(Error(ZipOf({member}), "a"), HasSubstr("larger than it says"));
    member.size = 50;
    EXPECT_THAT(Error(ZipOf({member}), "a"), HasSubstr("smaller than it says"));
    member.size = -1;
    member.method = 12;
    EXPECT_THAT(Error(ZipOf({member}), "a"), HasSubstr("method 12"));
    member.method = -1;
    member.flags = 1;
    EXPECT_THAT(Error(ZipOf({member}), "a"), HasSubstr("encrypted"));
    member.flags = 0;
    member.deflate = false;
    member.method = 8;
    EXPECT_THAT(Error(ZipOf({member}), "a"), HasSubstr("damaged"));
}

TEST_F(Zip, EveryPrefixOfAnArchiveIsRefused) {
    std::string archive = ZipOf({{"a", "some text"}}, true);
    for (size_t size = 0; size < archive.size(); ++size)
        EXPECT_FALSE(Extract(archive.substr(0, size), "a").ok()) << size;
}

TEST_F(Zip, NoDamagedByteCrashes) {
    std::string archive =
        ZipOf({{"a", "some text, some text", true, true}, {"b", "text", false}}, true);
    for (size_t at = 0; at < archive.size(); ++at) {
        std::string damaged = archive;
        damaged[at] = static_cast<char>(damaged[at] ^ 0x81);
        if (!Extract(damaged, "a").ok()) continue;
        EXPECT_EQ(testkit::Get(folder_ / "out"), "some text, some text") << at;
    }
}

}  // namespace
}  // namespace hone
