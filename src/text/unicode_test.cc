#include "text/unicode.h"

#include <gtest/gtest.h>

#include <string_view>

#include "base/files/testing.h"

namespace hone {
namespace {

TEST(Unicode, LowerCaseIsPythons) {
    EXPECT_EQ(LowerCase(""), "");
    EXPECT_EQ(LowerCase("Straße ÄÖÜ"), "straße äöü");
    EXPECT_EQ(LowerCase("ΟΔΟΣ"), "οδος");
    EXPECT_EQ(LowerCase("\u0130"), "i\u0307");
    EXPECT_EQ(LowerCase("\u212a"), "k");
    EXPECT_EQ(LowerCase("A\xff"), "a\ufffd");
}

TEST(Unicode, WordCharactersAreLettersNumbersAndTheUnderscore) {
    for (char32_t character : std::u32string_view(U"aZ_0\u00e9\u4e2d\u00b2\u2167\u0d67"))
        EXPECT_TRUE(IsWordCharacter(character)) << std::hex << static_cast<uint32_t>(character);
    for (char32_t character : U" -'\u0301\u093e\u24b6\u203f\U0001f600")
        EXPECT_FALSE(IsWordCharacter(character)) << std::hex << static_cast<uint32_t>(character);
}

TEST(Unicode, SpacesAreThoseOfPythonsIsspace) {
    // [c for c in range(0x110000) if chr(c).isspace()]
    const std::u32string spaces =
        U"\t\n\v\f\r\x1c\x1d\x1e\x1f \u0085\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006"
        U"\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000";
    std::u32string found;
    for (char32_t character = 0; character <= 0x10ffff; ++character)
        if (IsSpace(character)) found.push_back(character);
    EXPECT_EQ(Utf8(found), Utf8(spaces));
}

TEST(Unicode, CharactersAndBytesGoBothWays) {
    std::u32string all;
    for (char32_t character = 0; character <= 0x10ffff; ++character)
        if (character < 0xd800 || character > 0xdfff) all.push_back(character);
    EXPECT_TRUE(Characters(Utf8(all)) == all);
    EXPECT_EQ(Utf8(Characters("aé中😀")), "aé中😀");
}

std::string Replaced(std::string_view bytes) { return Utf8(Characters(bytes)); }

TEST(Unicode, BytesThatAreNoCharacterAreReplaced) {
    EXPECT_EQ(Replaced("a\xff"), "a\ufffd");
    EXPECT_EQ(Replaced("\xc3"), "\ufffd");                      // cut
    EXPECT_EQ(Replaced("\xe4\xb8x"), "\ufffd\ufffdx");          // cut by another character
    EXPECT_EQ(Replaced("\xc0\x80"), "\ufffd\ufffd");            // longer than it need be
    EXPECT_EQ(Replaced("\xe0\x80\x80"), "\ufffd\ufffd\ufffd");  // likewise
    EXPECT_EQ(Characters("\xed\xa0\x80").size(), 3u);           // half of a surrogate pair
    EXPECT_EQ(Utf8(std::u32string(1, 0xd800)), "\ufffd");
    EXPECT_EQ(Utf8(std::u32string(1, 0x110000)), "\ufffd");
    for (const uint64_t seed : TestSeeds(20)) {
        TestRandom random(seed);
        std::string bytes;
        for (int i = 0; i < 200; ++i) bytes.push_back(static_cast<char>(random.Between(0, 255)));
        const std::string text = Utf8(Characters(bytes));
        EXPECT_EQ(Utf8(Characters(text)), text);
    }
}

}  // namespace
}  // namespace hone
