#include "base/files/hash.h"

#include <gtest/gtest.h>

#include <set>

#include "base/files/testing.h"

namespace hone {
namespace {

// FIPS 180-4's examples.
TEST(Sha256, KnownDigests) {
    EXPECT_EQ(Sha256Hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    EXPECT_EQ(Sha256Hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    Sha256 parts;
    parts.Update("abcdbcdecdefdefgefghfghighij");
    parts.Update("hijkijkljklmklmnlmnomnopnopq");
    EXPECT_EQ(parts.Finish(), "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

TEST(Sha256, OfAFile) {
    const TestFolder folder;
    EXPECT_EQ(*Sha256File(folder.Write("abc", "abc")), Sha256Hex("abc"));
    EXPECT_FALSE(Sha256File(folder / "none").ok());
}

// Splits and shuffles of existing runs rest on these values: they must never change.
TEST(StableHash, NeverChanges) {
    EXPECT_EQ(StableHash(""), 0xf52a15e9a9b5e89bu);
    EXPECT_EQ(StableHash("row 1"), 0xab621881b8cd6bd1u);
    EXPECT_EQ(StableHash("row 1", 42), 0xa3103ad0c3289d25u);
}

TEST(StableHash, SpreadsShortKeys) {
    std::set<uint64_t> seen;
    int below_a_tenth = 0;
    for (int i = 0; i < 10'000; ++i) {
        const uint64_t hash = StableHash(std::to_string(i));
        seen.insert(hash);
        below_a_tenth += hash % 1000 < 100;
    }
    EXPECT_EQ(seen.size(), 10'000u);
    EXPECT_NEAR(below_a_tenth, 1000, 100);
}

}  // namespace
}  // namespace hone
