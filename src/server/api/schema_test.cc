#include "server/api/schema.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/api/schemas_inference.h"
#include "server/api/schemas_jobs.h"

namespace hone::server {
namespace {

using Json = nlohmann::ordered_json;
using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

constexpr char kTest[] = R"json({
  "Part": {
    "type": "object", "required": ["type"], "additionalProperties": false,
    "properties": {"type": {"const": "text"}, "text": {"type": "string", "minLength": 2, "maxLength": 3}}
  },
  "Other": {
    "type": "object", "required": ["type", "n"],
    "properties": {"type": {"const": "number"}, "n": {"type": "integer", "minimum": 1, "maximum": 4}}
  },
  "Thing": {
    "type": "object",
    "required": ["name"],
    "additionalProperties": false,
    "properties": {
      "name": {"type": "string"},
      "size": {"enum": ["small", "large"]},
      "rate": {"type": ["number", "null"], "exclusiveMinimum": 0, "exclusiveMaximum": 2},
      "parts": {
        "type": "array", "minItems": 1, "maxItems": 2,
        "items": {"anyOf": [
          {"type": "string"}, {"$ref": "#/components/schemas/Part"}, {"$ref": "#/components/schemas/Other"}
        ]}
      },
      "labels": {"type": "object", "maxProperties": 2, "additionalProperties": {"type": "string"}}
    }
  }
})json";

// "code param: message", or "" for a thing that fits.
std::string Check(std::string_view json) {
    Schemas schemas;
    schemas.Add(kTest);
    const auto error = schemas.Check(schemas.Get("Thing"), Json::parse(json));
    return error ? fmt::format("{} {}: {}", error->code, error->param, error->message) : "";
}

TEST(Schema, TakesWhatFits) {
    for (const char* json :
         {R"({"name": ""})", R"({"name": "a", "size": "large", "rate": null})",
          R"({"name": "a", "rate": 1.5, "parts": ["x", {"type": "text", "text": "äöü"}]})",
          R"({"name": "a", "rate": 1, "parts": [{"type": "number", "n": 4.0, "more": 1}]})",
          R"({"name": "a", "labels": {"x": "1", "y": ""}})"})
        EXPECT_EQ(Check(json), "") << json;
}

TEST(Schema, SaysWhatIsWrongAndWhere) {
    EXPECT_EQ(Check(R"({})"),
              "missing_required_parameter name: Missing required parameter: 'name'.");
    EXPECT_EQ(Check(R"({"name": 1})"),
              "invalid_type name: Invalid type for 'name': expected a string, but got an integer "
              "instead.");
    EXPECT_EQ(Check(R"([])"),
              "invalid_type : Invalid type for the request body: expected an object, but got an "
              "array instead.");
    EXPECT_EQ(Check(R"({"name": "a", "nme": 1})"),
              "unknown_parameter nme: Unknown parameter: 'nme'.");
    EXPECT_THAT(Check(R"({"name": "a", "size": "huge"})"),
                StartsWith("invalid_value size: Invalid value: \"huge\". Supported values are: "
                           "\"small\", \"large\"."));
    EXPECT_THAT(Check(R"({"name": "a", "rate": "1"})"),
                HasSubstr("expected a number or null, but got a string"));
    EXPECT_THAT(Check(R"({"name": "a", "labels": {"x": 1}})"), StartsWith("invalid_type labels.x"));
}

TEST(Schema, LimitsHoldAndOneMoreIsAnError) {
    const auto rate = [](const char* value) {
        return Check(fmt::format(R"({{"name": "a", "rate": {}}})", value));
    };
    EXPECT_THAT(rate("0"), StartsWith("integer_below_min_value rate: Invalid 'rate': expected a "
                                      "value > 0, but got 0"));
    EXPECT_EQ(rate("0.001"), "");
    EXPECT_EQ(rate("1.999"), "");
    EXPECT_THAT(rate("2.0"), StartsWith("decimal_above_max_value"));
    const auto part = [](const char* value) {
        return Check(fmt::format(R"({{"name": "a", "parts": [{}]}})", value));
    };
    EXPECT_EQ(part(R"({"type": "number", "n": 1})"), "");
    EXPECT_THAT(part(R"({"type": "number", "n": 0})"),
                StartsWith("integer_below_min_value parts[0].n"));
    EXPECT_EQ(part(R"({"type": "number", "n": 4})"), "");
    EXPECT_THAT(part(R"({"type": "number", "n": 5})"),
                StartsWith("integer_above_max_value parts[0].n"));
    EXPECT_THAT(part(R"({"type": "text", "text": "a"})"), StartsWith("too_short parts[0].text"));
    EXPECT_EQ(part(R"({"type": "text", "text": "äö"})"), "") << "characters count, not bytes";
    EXPECT_THAT(part(R"({"type": "text", "text": "abcd"})"), StartsWith("too_long parts[0].text"));
    EXPECT_THAT(part(""), StartsWith("too_short parts"));
    EXPECT_EQ(part(R"("a", "b")"), "");
    EXPECT_THAT(part(R"("a", "b", "c")"), StartsWith("too_long parts"));
    EXPECT_THAT(Check(R"({"name": "a", "labels": {"x": "1", "y": "2", "z": "3"}})"),
                StartsWith("too_long labels"));
}

TEST(Schema, OfSeveralOptionsTheOneThatIsMeantSaysWhatIsWrong) {
    const auto part = [](const char* value) {
        return Check(fmt::format(R"({{"name": "a", "parts": [{}]}})", value));
    };
    EXPECT_THAT(part(R"({"type": "number"})"), HasSubstr("'parts[0].n'"));
    EXPECT_THAT(part(R"({"type": "text", "more": 1})"), HasSubstr("'parts[0].more'"));
    EXPECT_THAT(part("1"), AllOf(StartsWith("invalid_type parts[0]"),
                                 HasSubstr("expected a string or an object")));
}

TEST(Schema, TheApisOwnSchemasAreReadable) {
    Schemas schemas;
    schemas.Add(R"json({"Metadata": {"type": ["object", "null"]}})json");
    schemas.Add(kJobSchemas);
    schemas.Add(kInferenceSchemas);
    const auto check = [&](const char* name, const char* json) {
        const auto error = schemas.Check(schemas.Get(name), Json::parse(json));
        return error ? error->param + ": " + error->message : "";
    };
    const char* chat = "CreateChatCompletionRequest";
    EXPECT_EQ(check(chat, R"({"model": "m", "messages": [{"role": "user", "content": "a"}]})"), "");
    EXPECT_THAT(check(chat, R"({"model": "m", "messages": [{"role": "user", "content": [{"type":
                              "image_url"}]}]})"),
                StartsWith("messages[0].content[0].type"));
    EXPECT_THAT(check(chat, R"({"model": "m", "messages": "hi"})"), StartsWith("messages"));
    const char* job = "CreateFineTuningJobRequest";
    EXPECT_EQ(check(job, R"({"model": "m", "training_file": "f", "suffix": null,
                           "hyperparameters": {"n_epochs": "auto", "batch_size": 256}})"),
              "");
    EXPECT_THAT(check(job, R"({"model": "m", "training_file": "f",
                             "hyperparameters": {"n_epochs": 51}})"),
                StartsWith("hyperparameters.n_epochs"));
    EXPECT_THAT(check(job, R"({"model": "m", "training_file": "f", "method": {"type": "dpo",
                             "dpo": {"hyperparameters": {"beta": 2.1}}}})"),
                StartsWith("method.dpo.hyperparameters.beta"));
}

TEST(SchemaDeathTest, AWordThatItDoesNotKnowIsABug) {
    Schemas schemas;
    EXPECT_DEATH(schemas.Add(R"json({"A": {"type": "string", "pattern": "x"}})json"), "pattern");
}

}  // namespace
}  // namespace hone::server
