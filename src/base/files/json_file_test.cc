#include "base/files/json_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/files/test_files.h"

namespace hone {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;
using testing::HasSubstr;

std::string Error(std::string_view text) {
    auto parsed = ParseJson<ordered_json>(text, "x.json");
    EXPECT_FALSE(parsed.ok());
    EXPECT_EQ(KindOf(parsed.status()), ErrorKind::kModel);
    return std::string(parsed.status().message());
}

TEST(JsonFile, KeepsTheOrderOfKeys) {
    auto parsed = ParseJson<ordered_json>(R"({"b": 1, "a": [true, null]})", "x.json");
    ASSERT_TRUE(parsed.ok());
    EXPECT_EQ(parsed->dump(), R"({"b":1,"a":[true,null]})");
}

TEST(JsonFile, SaysWhereItBreaks) {
    EXPECT_THAT(Error("{\"a\": 1,\n  oops}"), HasSubstr("line 2"));
    EXPECT_THAT(Error(""), HasSubstr("x.json"));
    EXPECT_THAT(Error("{\"a\": \"\xff\"}"), HasSubstr("UTF-8"));
    EXPECT_THAT(Error("{} {}"), HasSubstr("not valid JSON"));
}

TEST(JsonFile, RefusesAKeyThatComesTwice) {
    EXPECT_THAT(Error(R"({"a": {"k": 1, "k": 2}})"), HasSubstr("\"k\" comes twice"));
    EXPECT_TRUE(ParseJson<json>(R"([{"k": 1}, {"k": 2}])", "x.json").ok());
}

TEST(JsonFile, NestingAtTheLimitAndPastIt) {
    auto nested = [](size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
    EXPECT_TRUE(ParseJson<json>(nested(kMaxJsonDepth), "x.json").ok());
    EXPECT_THAT(Error(nested(kMaxJsonDepth + 1)), HasSubstr("nested deeper"));
    // Brackets in strings do not count.
    EXPECT_TRUE(ParseJson<json>("\"\\\"" + std::string(1000, '[') + "\"", "x.json").ok());
}

TEST(JsonFile, OrderedKeysAtTheLimitAndPastIt) {
    auto wide = [](size_t keys) {
        std::string text = "{";
        for (size_t i = 0; i < keys; ++i) text += fmt::format("{}\"{}\":0", i == 0 ? "" : ",", i);
        return text + "}";
    };
    EXPECT_TRUE(ParseJson<ordered_json>(wide(kMaxOrderedKeys), "x.json").ok());
    EXPECT_THAT(Error(wide(kMaxOrderedKeys + 1)), HasSubstr("more than 10000 keys"));
    EXPECT_TRUE(ParseJson<json>(wide(kMaxOrderedKeys + 1), "x.json").ok());
}

TEST(JsonFile, FileMustHoldAnObjectWithinTheLimit) {
    TestFolder folder;
    testkit::Put(folder / "a.json", "[1]");
    auto list = ReadJsonObject(folder / "a.json");
    EXPECT_THAT(std::string(list.status().message()), HasSubstr("not an object"));
    testkit::Put(folder / "b.json", "{\"a\": 1}");
    EXPECT_TRUE(ReadJsonObject(folder / "b.json", 8).ok());
    EXPECT_FALSE(ReadJsonObject(folder / "b.json", 7).ok());
    auto missing = ReadJsonObject(folder / "none.json");
    EXPECT_EQ(KindOf(missing.status()), ErrorKind::kModel);
}

}  // namespace
}  // namespace hone
