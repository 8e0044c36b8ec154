#include "infer/grammar/json_schema.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

#include "base/files/testing.h"

namespace hone {
namespace {

using testing::HasSubstr;
using Json = nlohmann::ordered_json;

Json Parse(const std::string& text) { return Json::parse(text); }

// Whether a grammar has a text, and with `begins` whether one begins so.
bool Has(const Automaton& automaton, const std::string& text, bool begins = false) {
    GrammarStates states(automaton);
    int32_t state = states.start();
    for (char byte : text) {
        state = states.Next(state, static_cast<uint8_t>(byte));
        if (state == GrammarStates::kDead) return false;
    }
    return begins || states.MayEnd(state);
}

bool Has(const std::string& schema, const std::string& text, bool begins = false) {
    const auto automaton = CompileJsonSchema(Parse(schema));
    EXPECT_TRUE(automaton.ok()) << schema << ": " << automaton.status();
    return automaton.ok() && Has(**automaton, text, begins);
}

std::string Problem(const std::string& schema) {
    const auto automaton = CompileJsonSchema(Parse(schema));
    EXPECT_FALSE(automaton.ok()) << schema;
    EXPECT_EQ(KindOf(automaton.status()), ErrorKind::kData);
    return std::string(automaton.status().message());
}

TEST(JsonSchema, TypesAreWhatTheySay) {
    const std::map<std::string, std::vector<std::string>> good = {
        {"string",
         {R"("")", R"("a b")", R"("\"\\\/\b\f\n\r\t")", R"("é😀")", R"("\u00e9")",
          R"("\ud83d\uDE00")", "\"\x7f\""}},
        {"integer", {"0", "-7", "120", "-0", "123456789012345"}},
        {"number", {"0", "1.5", "-0.25e+10", "3E2", "12e-9"}},
        {"boolean", {"true", "false"}},
        {"null", {"null"}},
        {"array", {"[]", "[1, \"a\"]", "[[[]]]", "[\n  {\"a\":1}\n]"}},
        {"object", {"{}", R"({"a": {"b": [1,2]}, "c":null})"}}};
    for (const auto& [type, texts] : good)
        for (const std::string& text : texts) {
            EXPECT_TRUE(Has("{\"type\":\"" + type + "\"}", text)) << type << " " << text;
            EXPECT_TRUE(Has("{}", text)) << text;
            EXPECT_TRUE(Json::accept(text)) << text;
        }
    const std::map<std::string, std::vector<std::string>> bad = {
        {"string",
         {"", "a", "\"a", "\"\n\"", R"("\x")", R"("\ud83d")", R"("\ude00")", R"("\ud83dx")",
          "\"\xff\"", "\"\xc3\"", "\"\xed\xa0\x80\"", "'a'"}},
        {"integer", {"", "-", "01", "1.0", "1e3", "+1", "1234567890123456"}},
        {"number", {".5", "1.", "1e", "0x1", "NaN", "00"}},
        {"boolean", {"True", "tru", "null", "0"}},
        {"null", {"nul", "NULL", "0"}},
        {"array", {"[", "[1,]", "[,]", "[1 2]", "{}"}},
        {"object", {"{", "{a:1}", R"({"a"})", R"({"a":1,})", "[]"}}};
    for (const auto& [type, texts] : bad)
        for (const std::string& text : texts)
            EXPECT_FALSE(Has("{\"type\":\"" + type + "\"}", text)) << type << " " << text;
}

TEST(JsonSchema, ObjectsHaveTheirPropertiesInOrder) {
    const std::string schema = R"({"type":"object","properties":{"a":{"type":"integer"},
        "b":{"type":"string"},"c":{"type":"null"}},"required":["b"],"additionalProperties":false})";
    for (const char* text : {R"({"b":"x"})", R"({"a": 1, "b": "x"})", R"({"a":1,"b":"x","c":null})",
                             R"({"b":"","c":null})", "{\n  \"b\": \"x\"\n}"})
        EXPECT_TRUE(Has(schema, text)) << text;
    for (const char* text : {"{}", R"({"a":1})", R"({"b":"x","a":1})", R"({"b":"x","b":"x"})",
                             R"({"b":"x","d":1})", R"({"a":1 "b":"x"})", R"({,"b":"x"})"})
        EXPECT_FALSE(Has(schema, text)) << text;
    EXPECT_TRUE(Has(R"({"properties":{"a":{},"b":{}}})", "{}"));
    EXPECT_TRUE(Has(R"({"properties":{"a":{},"b":{}}})", R"({"b":[1]})"));
    EXPECT_TRUE(
        Has(R"({"type":"object","additionalProperties":{"type":"integer"}})", R"({"x":1, "y":2})"));
    EXPECT_FALSE(
        Has(R"({"type":"object","additionalProperties":{"type":"integer"}})", R"({"x":"1"})"));
    EXPECT_FALSE(Has(R"({"type":"object","additionalProperties":false})", R"({"x":1})"));
    EXPECT_TRUE(Has(R"({"properties":{"a\"\\é":{}},"required":["a\"\\é"]})", R"({"a\"\\é":0})"));
}

TEST(JsonSchema, ArraysHaveTheirNumberOfItems) {
    const auto lengths = [](const std::string& limits) {
        std::vector<int> allowed;
        for (int length = 0; length <= 5; ++length) {
            std::string text = "[";
            for (int i = 0; i < length; ++i) text += i == 0 ? "1" : ", 1";
            if (Has("{\"items\":{\"type\":\"integer\"}" + limits + "}", text + "]"))
                allowed.push_back(length);
        }
        return allowed;
    };
    using testing::ElementsAre;
    EXPECT_THAT(lengths(""), ElementsAre(0, 1, 2, 3, 4, 5));
    EXPECT_THAT(lengths(R"(,"minItems":2)"), ElementsAre(2, 3, 4, 5));
    EXPECT_THAT(lengths(R"(,"maxItems":2)"), ElementsAre(0, 1, 2));
    EXPECT_THAT(lengths(R"(,"minItems":1,"maxItems":3)"), ElementsAre(1, 2, 3));
    EXPECT_THAT(lengths(R"(,"maxItems":0)"), ElementsAre(0));
}

TEST(JsonSchema, ValuesAndAlternatives) {
    EXPECT_TRUE(Has(R"({"enum":["red", 1, null, {"a":[1,2]}]})", R"({"a":[1,2]})"));
    EXPECT_FALSE(Has(R"({"enum":["red","blue"]})", R"("re")"));
    EXPECT_FALSE(Has(R"({"type":"string","enum":["red",1]})", "1"));
    EXPECT_TRUE(Has(R"({"const":"é\n"})", R"("é\n")"));
    const std::string either = R"({"anyOf":[{"type":"integer"},{"type":"object","properties":
        {"kind":{"const":"x"}},"required":["kind"]},{"properties":{"kind":{"const":"y"},
        "n":{"type":"number"}},"required":["kind","n"]}]})";
    for (const char* text : {"4", R"({"kind":"x"})", R"({"kind":"y","n":1.5})"})
        EXPECT_TRUE(Has(either, text)) << text;
    for (const char* text : {"4.5", R"({"kind":"y"})", R"({"kind":"x","n":1})"})
        EXPECT_FALSE(Has(either, text)) << text;
    EXPECT_TRUE(Has(R"({"type":["string","null"]})", "null"));
    EXPECT_FALSE(Has(R"({"type":["string","null"]})", "1"));
    EXPECT_TRUE(Has(R"({"allOf":[{"type":"null"}],"title":"T","default":1})", "null"));
}

TEST(JsonSchema, ReferencesMayRecur) {
    const std::string list = R"({"$defs":{"node":{"type":"object","properties":{
        "value":{"type":"integer"},"next":{"anyOf":[{"$ref":"#/$defs/node"},{"type":"null"}]}},
        "required":["value","next"],"additionalProperties":false}},"$ref":"#/$defs/node"})";
    EXPECT_TRUE(Has(list, R"({"value":1,"next":{"value":2,"next":null}})"));
    EXPECT_FALSE(Has(list, R"({"value":1,"next":{"value":2}})"));
    EXPECT_TRUE(Has(R"({"type":"array","items":{"$ref":"#"}})", "[[],[[]]]"));
    EXPECT_FALSE(Has(R"({"type":"array","items":{"$ref":"#"}})", "[1]"));
    // As deep as the limit allows, and never into a place without a way out.
    const auto automaton = CompileJsonSchema(Parse(list)).value();
    std::string deep;
    int levels = 0;
    while (Has(*automaton, deep + R"({"value":1,"next":)", true) && levels < 1000) {
        deep += R"({"value":1,"next":)";
        ++levels;
        EXPECT_TRUE(Has(*automaton, deep + "null" + std::string(static_cast<size_t>(levels), '}')));
    }
    EXPECT_GE(levels, 40);
    EXPECT_LE(levels, kMaxCallDepth + 1);
}

TEST(JsonSchema, WhatIsNotKnownIsRefusedByName) {
    EXPECT_THAT(Problem(R"({"type":"string","pattern":"a+"})"),
                HasSubstr("#: the keyword \"pattern\" is not supported"));
    EXPECT_THAT(Problem(R"({"properties":{"a":{"type":"number","minimum":1}}})"),
                HasSubstr("#/properties/a: the keyword \"minimum\""));
    EXPECT_THAT(Problem(R"({"oneOf":[{}]})"), HasSubstr("oneOf"));
    EXPECT_THAT(Problem(R"({"type":"text"})"), HasSubstr("\"text\" is no type"));
    EXPECT_THAT(Problem(R"({"$ref":"#/$defs/none"})"), HasSubstr("leads nowhere"));
    EXPECT_THAT(Problem(R"({"$ref":"other.json"})"), HasSubstr("leads nowhere"));
    EXPECT_THAT(Problem(R"({"$ref":"#/~2"})"), HasSubstr("leads nowhere"));
    EXPECT_THAT(Problem(R"({"properties":{"a":{}},"required":["b"]})"),
                HasSubstr("\"required\" names \"b\""));
    EXPECT_THAT(Problem(R"({"enum":[]})"), HasSubstr("a list with a value"));
    EXPECT_THAT(Problem(R"({"anyOf":[{}],"items":{}})"), HasSubstr("\"items\" beside \"anyOf\""));
    EXPECT_THAT(Problem(R"({"allOf":[{},{}]})"), HasSubstr("several"));
    EXPECT_THAT(Problem(R"({"type":"array","items":7})"), HasSubstr("#/items: a schema must be"));
    EXPECT_THAT(Problem(R"({"minItems":3,"maxItems":2})"), HasSubstr("less than"));
    EXPECT_THAT(Problem(R"({"maxItems":257})"), HasSubstr("from 0 to 256"));
    EXPECT_TRUE(Has(R"({"maxItems":256})", "[]"));
    EXPECT_THAT(Problem("false"), HasSubstr("must be an object"));
    for (const char* endless : {R"({"$ref":"#"})", R"({"anyOf":[{"$ref":"#"}]})",
                                R"({"properties":{"a":{"$ref":"#"}},"required":["a"]})"})
        EXPECT_THAT(Problem(endless), HasSubstr("no text can satisfy it")) << endless;
    Json many = {{"enum", Json::array()}};
    for (size_t i = 0; i < kMaxSchemaValues; ++i) many["enum"].push_back(i);
    EXPECT_TRUE(CompileJsonSchema(many).ok());
    many["enum"].push_back(-1);
    EXPECT_THAT(Problem(many.dump()), HasSubstr("values of enums"));
}

// Each bracket can be read in two ways, and what they hold too: the ways are not counted out.
TEST(JsonSchema, ManyWaysToReadATextTakeNoTime) {
    const std::string schema =
        R"({"$defs":{"a":{"anyOf":[{"type":"array","items":{"$ref":"#/$defs/a"}},
        {"type":"array","items":{"anyOf":[{"$ref":"#/$defs/a"},{"$ref":"#/$defs/a"}]}},
        {"type":"null"}]}},"anyOf":[{"$ref":"#/$defs/a"},{"$ref":"#/$defs/a"}]})";
    const auto automaton = CompileJsonSchema(Parse(schema)).value();
    const std::string open(40, '['), close(40, ']');
    EXPECT_TRUE(Has(*automaton, open + close));
    EXPECT_TRUE(Has(*automaton, open + "null, null" + close));
    EXPECT_FALSE(Has(*automaton, open + close + "]"));
    Json many = {{"anyOf", Json::array()}};
    for (size_t i = 0; i < kMaxSchemaAlternatives; ++i)
        many["anyOf"].push_back({{"properties", {{fmt::format("k{}", i), Json::object()}}}});
    EXPECT_TRUE(Has(many.dump(), R"({"k255": 1})"));
    many["anyOf"].push_back(true);
    EXPECT_THAT(Problem(many.dump()), HasSubstr("more than 256 schemas"));
}

TEST(JsonSchema, FunctionCalls) {
    const auto calls =
        CompileFunctionCall(
            {{"now", nullptr}, {"add", Parse(R"({"properties":{"a":{"$ref":"#/$defs/n"}},
                                   "required":["a"],"$defs":{"n":{"type":"integer"}}})")}},
            "arguments")
            .value();
    EXPECT_TRUE(Has(*calls, R"({"name": "now", "arguments": {}})"));
    EXPECT_TRUE(Has(*calls, R"({"name": "add", "arguments": {"a":1}})"));
    EXPECT_FALSE(Has(*calls, R"({"name": "add", "arguments": {}})"));
    EXPECT_FALSE(Has(*calls, R"({"name": "sub", "arguments": {}})"));
    const auto bad = CompileFunctionCall({{"f", Parse(R"({"not":{}})")}}, "arguments");
    EXPECT_THAT(std::string(bad.status().message()), HasSubstr("function f: #: the keyword"));
}

TEST(JsonSchema, StrictModeAsksForAllProperties) {
    const auto check = [](const std::string& schema) {
        return std::string(CheckStrictSchema(Parse(schema)).message());
    };
    EXPECT_EQ(check(R"({"type":"object","properties":{"a":{"type":"object","properties":{},
        "additionalProperties":false}},"required":["a"],"additionalProperties":false})"),
              "");
    EXPECT_THAT(check(R"({"type":"array"})"), HasSubstr("of type 'object'"));
    EXPECT_THAT(check(R"({"type":"object","properties":{}})"), HasSubstr("additionalProperties"));
    EXPECT_THAT(check(R"({"type":"object","properties":{"a":{}},"additionalProperties":false})"),
                HasSubstr("Missing 'a'"));
    EXPECT_THAT(check(R"({"type":"object","properties":{"a":{"items":{"type":"object"}}},
        "required":["a"],"additionalProperties":false})"),
                HasSubstr("#/properties/a/items"));
}

// --- Random schemas: whatever the grammar lets through is JSON that the schema allows.

Json RandomSchema(TestRandom& random, int depth) {
    const auto scalar = [&]() -> Json {
        static const std::array kTypes = {"string", "number", "integer", "boolean", "null"};
        return {{"type", kTypes[static_cast<size_t>(random.Between(0, 4))]}};
    };
    if (depth == 0) return scalar();
    switch (random.Between(0, 6)) {
        case 0:
            return scalar();
        case 1:
            return {{"enum", {"a", 1, nullptr, "bc"}}};
        case 2: {
            Json schema = {{"type", "array"}, {"items", RandomSchema(random, depth - 1)}};
            if (random.Between(0, 1) == 0) schema["minItems"] = random.Between(0, 2);
            if (random.Between(0, 1) == 0) schema["maxItems"] = random.Between(2, 4);
            return schema;
        }
        case 3:
            return {{"anyOf", {RandomSchema(random, depth - 1), RandomSchema(random, depth - 1)}}};
        case 4:
            return {{"$ref", "#/$defs/tree"}};
        default: {
            Json schema = {{"type", "object"},
                           {"properties", Json::object()},
                           {"required", Json::array()},
                           {"additionalProperties", false}};
            for (int64_t i = random.Between(0, 4); i > 0; --i) {
                const std::string name = fmt::format("k{}", i);
                schema["properties"][name] = RandomSchema(random, depth - 1);
                if (random.Between(0, 1) == 0) schema["required"].push_back(name);
            }
            return schema;
        }
    }
}

// A validator of its own, for what RandomSchema makes.
bool Valid(const Json& value, const Json& schema, const Json& root) {
    if (schema.contains("$ref")) return Valid(value, root["$defs"]["tree"], root);
    if (schema.contains("enum"))
        return std::find(schema["enum"].begin(), schema["enum"].end(), value) !=
               schema["enum"].end();
    if (schema.contains("anyOf"))
        return std::any_of(schema["anyOf"].begin(), schema["anyOf"].end(),
                           [&](const Json& one) { return Valid(value, one, root); });
    const std::string type = schema["type"];
    if (type == "string") return value.is_string();
    if (type == "number") return value.is_number();
    if (type == "integer") return value.is_number_integer();
    if (type == "boolean") return value.is_boolean();
    if (type == "null") return value.is_null();
    if (type == "array")
        return value.is_array() &&
               static_cast<int64_t>(value.size()) >= schema.value("minItems", 0) &&
               static_cast<int64_t>(value.size()) <= schema.value("maxItems", 1000) &&
               std::all_of(value.begin(), value.end(),
                           [&](const Json& item) { return Valid(item, schema["items"], root); });
    if (!value.is_object()) return false;
    for (const Json& name : schema["required"])
        if (!value.contains(name.get<std::string>())) return false;
    for (const auto& [name, inner] : value.items())
        if (!schema["properties"].contains(name) || !Valid(inner, schema["properties"][name], root))
            return false;
    return true;
}

// A text by random bytes that the grammar allows. Closing comes soon: it ends where it may, and
// bytes that lead out are likelier.
std::string RandomText(const Automaton& automaton, TestRandom& random) {
    GrammarStates states(automaton);
    std::string text;
    int32_t state = states.start();
    while (true) {
        const bool late = text.size() > 400;
        if (states.MayEnd(state) && (!states.MayGoOn(state) || late || random.Between(0, 3) == 0))
            return text;
        std::string bytes, closing;
        for (int byte = 0; byte < 256; ++byte) {
            if (states.Next(state, static_cast<uint8_t>(byte)) == GrammarStates::kDead) continue;
            bytes += static_cast<char>(byte);
            if (std::string_view("\"]}0nt").find(static_cast<char>(byte)) != std::string_view::npos)
                closing += static_cast<char>(byte);
        }
        EXPECT_FALSE(bytes.empty()) << "a dead end after " << text;
        if (bytes.empty() || text.size() > 100'000) return text;
        const std::string& choice =
            !closing.empty() && random.Between(0, late ? 20 : 1) != 0 ? closing : bytes;
        const char byte =
            choice[static_cast<size_t>(random.Between(0, static_cast<int64_t>(choice.size()) - 1))];
        text += byte;
        state = states.Next(state, static_cast<uint8_t>(byte));
    }
}

TEST(JsonSchema, EveryTextOfARandomSchemaIsValid) {
    for (uint64_t seed : TestSeeds(60)) {
        TestRandom random(seed);
        Json schema = RandomSchema(random, 3);
        schema["$defs"]["tree"] = Parse(
            R"({"type":"object","properties":{"left":{"$ref":"#/$defs/tree"},"n":{"type":"integer"}},
                "required":["n"],"additionalProperties":false})");
        const auto automaton = CompileJsonSchema(schema);
        ASSERT_TRUE(automaton.ok()) << schema << ": " << automaton.status();
        for (int i = 0; i < 8; ++i) {
            const std::string text = RandomText(**automaton, random);
            ASSERT_TRUE(Json::accept(text)) << schema << "\n" << text;
            EXPECT_TRUE(Valid(Json::parse(text), schema, schema)) << schema << "\n" << text;
        }
    }
}

}  // namespace
}  // namespace hone
