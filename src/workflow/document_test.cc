#include "workflow/document.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/limits.h"

namespace hone {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

Document Parse(std::string_view text, const std::string& path = "run.yaml") {
    auto document = ParseDocument(text, path);
    EXPECT_TRUE(document.ok()) << document.status();
    return document.ok() ? *std::move(document) : Document();
}

std::string DocumentError(std::string_view text, const std::string& path = "run.yaml") {
    const absl::Status status = ParseDocument(text, path).status();
    EXPECT_EQ(KindOf(status), ErrorKind::kUsage) << text;
    return std::string(status.message());
}

std::string PlaceOf(const Document& document, const NodeEntry* entry) {
    return entry ? document.Where(entry->place) : "nowhere";
}

TEST(Document, KnowsThePlaceOfEachKey) {
    const Document yaml = Parse("# a comment\na: 1\nb:\n  - x\n  - c: {d: [1, 2], e: yes}\n");
    EXPECT_EQ(PlaceOf(yaml, yaml.root.Find("a")), "run.yaml:2:1");
    const Node& list = yaml.root.Find("b")->value;
    ASSERT_EQ(list.items.size(), 2u);
    EXPECT_EQ(yaml.Where(list.items[0].place), "run.yaml:4:5");
    EXPECT_EQ(PlaceOf(yaml, list.items[1].Find("c")), "run.yaml:5:5");
    EXPECT_EQ(PlaceOf(yaml, list.items[1].Find("c")->value.Find("e")), "run.yaml:5:20");

    const Document json = Parse(
        "{\n\t\"a\": [1, -2.5e3, true, null],\n  \"b\": {\"c\" : \"\\ud83d\\ude00\", \"d\":7}\n}",
        "run.json");
    EXPECT_EQ(PlaceOf(json, json.root.Find("a")), "run.json:2:2");
    EXPECT_EQ(json.Where(json.root.Find("a")->value.items[1].place), "run.json:2:11");
    EXPECT_EQ(json.root.Find("a")->value.Value().dump(), "[1,-2500.0,true,null]");
    EXPECT_EQ(json.root.Find("b")->value.Find("c")->value.text, "\xf0\x9f\x98\x80");
    EXPECT_EQ(PlaceOf(json, json.root.Find("b")->value.Find("d")), "run.json:3:31");
    EXPECT_EQ(json.root.Find("b")->value.Find("d")->value.text, "7");
}

TEST(Document, AScalarIsItsTextAndWithinListsWhatItLooksLike) {
    const Document document = Parse(
        "a: 1e-4\nb: '8'\nc: [1, '1', 0.5, true, null, x]\nd: \"two\\nlines\"\ne: ~\nf: |\n  "
        "kept\n");
    EXPECT_EQ(document.root.Find("a")->value.Value(), "1e-4");
    EXPECT_EQ(document.root.Find("b")->value.Value(), "8");
    EXPECT_EQ(document.root.Find("c")->value.Value().dump(), R"([1,"1",0.5,true,null,"x"])");
    EXPECT_EQ(document.root.Find("d")->value.text, "two\nlines");
    EXPECT_TRUE(document.root.Find("e")->value.is_null());
    EXPECT_EQ(document.root.Find("f")->value.text, "kept\n");
}

TEST(Document, OffIsWhatMeansNo) {
    const Document document =
        Parse("a: [no, false, 0, none, '', null, [], {}]\nb: [1, x, [0], {a: 0}]");
    for (const Node& node : document.root.Find("a")->value.items) EXPECT_TRUE(node.IsOff());
    for (const Node& node : document.root.Find("b")->value.items) EXPECT_FALSE(node.IsOff());
}

TEST(Document, AliasesAndMergesAreWhatTheyStandFor) {
    const Document document =
        Parse("base: &base {r: 8, alpha: 16}\none:\n  <<: *base\n  r: 4\ntwo: *base\n");
    EXPECT_EQ(document.root.Find("one")->value.Value().dump(), R"({"r":4,"alpha":16})");
    EXPECT_EQ(document.root.Find("two")->value.Value().dump(), R"({"r":8,"alpha":16})");
    EXPECT_THAT(DocumentError("a: {<<: 5}"), HasSubstr("<< takes a map"));
}

TEST(Document, WhatIsWrongIsNamedWithItsPlace) {
    EXPECT_THAT(DocumentError("a: 1\nb: [1\n"), StartsWith("run.yaml:"));
    EXPECT_EQ(DocumentError("a: 1\nb: 2\na: 3\n"), "run.yaml:3:1: the key a stands twice");
    EXPECT_EQ(DocumentError("a: !!python/object:os.system x\n"),
              "run.yaml:1:4: the tag tag:yaml.org,2002:python/object:os.system is not read");
    EXPECT_THAT(DocumentError("a: 1\n---\nb: 2\n"), HasSubstr("a second document"));
    EXPECT_THAT(DocumentError("? [a]\n: 1\n"), HasSubstr("a key must be a text"));
    EXPECT_THAT(DocumentError("- a\n"), HasSubstr("a map of keys and values"));
    EXPECT_THAT(DocumentError(""), HasSubstr("a map of keys and values"));
    EXPECT_THAT(DocumentError("a: &x [*x]"), HasSubstr("own anchor"));
    EXPECT_THAT(DocumentError("{\n  \"a\": 1,\n  \"b\": nul\n}", "run.json"),
                StartsWith("run.json:3:"));
    EXPECT_EQ(DocumentError("{\"a\": 1,\n\"a\": 2}", "run.json"),
              "run.json:2:1: the key a stands twice");
    EXPECT_EQ(KindOf(ReadDocument("/there/is/none.yaml").status()), ErrorKind::kUsage);
}

std::string Nested(size_t depth) {
    return "a: " + std::string(depth - 1, '[') + std::string(depth - 1, ']');
}

TEST(Document, NestingIsLimited) {
    EXPECT_TRUE(ParseDocument(Nested(kMaxJsonDepth), "x.yaml").ok());
    EXPECT_THAT(DocumentError(Nested(kMaxJsonDepth + 1)), HasSubstr("nested deeper"));
    const std::string deep = "{\"a\":" + std::string(100'000, '[');
    EXPECT_THAT(DocumentError(deep, "x.json"), HasSubstr("nested deeper"));
    EXPECT_THAT(DocumentError("a: " + std::string(100'000, '[')), StartsWith("run.yaml:1:"));
}

// The map itself, the list and its entries.
std::string Many(size_t nodes) {
    std::string text = "a: [";
    for (size_t i = 2; i < nodes; ++i) text += i > 2 ? ",1" : "1";
    return text + "]";
}

TEST(Document, ValuesAreCounted) {
    EXPECT_TRUE(ParseDocument(Many(kMaxConfigNodes), "x.yaml").ok());
    EXPECT_THAT(DocumentError(Many(kMaxConfigNodes + 1)), HasSubstr("more than 100000 values"));
    // Ten lines that stand for 10^10 values.
    std::string bomb = "a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n";
    for (int i = 1; i < 10; ++i) {
        bomb += fmt::format("a{}: &a{} [", i, i);
        for (int k = 0; k < 10; ++k) bomb += fmt::format("{}*a{}", k > 0 ? ", " : "", i - 1);
        bomb += "]\n";
    }
    EXPECT_THAT(DocumentError(bomb), HasSubstr("that aliases repeat"));
    // Anchors within anchors, each of which would keep all that is within it.
    std::string nested = "a: ", ones = "1";
    for (int i = 0; i < 50; ++i) nested += fmt::format("&n{} [", i);
    for (int i = 0; i < 10'000; ++i) ones += ",1";
    EXPECT_THAT(DocumentError(nested + ones + std::string(50, ']')),
                HasSubstr("that aliases repeat"));
}

TEST(Document, SizeIsLimited) {
    const std::string head = "a: 1\n#";
    EXPECT_TRUE(
        ParseDocument(head + std::string(kMaxConfigBytes - head.size(), 'x'), "x.yaml").ok());
    EXPECT_THAT(DocumentError(head + std::string(kMaxConfigBytes - head.size() + 1, 'x')),
                HasSubstr("more than 1048576 bytes"));
}

}  // namespace
}  // namespace hone
