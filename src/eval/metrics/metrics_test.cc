// What no Python package says: JSON, and the edges.
#include <gtest/gtest.h>

#include <cmath>

#include "eval/metrics/correlation.h"
#include "eval/metrics/entities.h"
#include "eval/metrics/json_fields.h"
#include "eval/metrics/words.h"

namespace hone {
namespace {

using nlohmann::ordered_json;

TEST(JsonFields, AnAnswerIsJsonAloneOrInABlockOfCode) {
    EXPECT_EQ(ParseJsonAnswer(" {\"a\": 1}\n"), ordered_json({{"a", 1}}));
    EXPECT_EQ(ParseJsonAnswer("```json\n[1, 2]\n```"), ordered_json::array({1, 2}));
    for (const char* text : {"", "yes", "3", "\"a\"", "{\"a\": 1", "{\"a\": 1} and so on", "``````",
                             "```\n```", "```json\n{\n```"})
        EXPECT_FALSE(ParseJsonAnswer(text).has_value()) << text;
    const auto nested = [](size_t depth) {
        return std::string(depth, '[') + std::string(depth, ']');
    };
    EXPECT_TRUE(ParseJsonAnswer(nested(128)).has_value());
    EXPECT_FALSE(ParseJsonAnswer(nested(129)).has_value());
    EXPECT_FALSE(ParseJsonAnswer(nested(100000)).has_value());
}

TEST(JsonFields, FieldsAreCountedByNameAndValue) {
    const ordered_json expected = {
        {"name", "Ann"}, {"age", 3}, {"at", {{"city", "Rome"}}}, {"tags", {"a", "a", "b"}}};
    const ordered_json predicted = {
        {"tags", {"b", "a", "c"}}, {"age", 3.0}, {"at", {{"city", "rome"}}}, {"more", nullptr}};
    const JsonScores scores = ScoreJson({expected}, {predicted});
    EXPECT_EQ(scores.exact, 0);
    EXPECT_EQ(scores.fields, (std::vector<std::string>{"age", "at.city", "more", "name", "tags"}));
    const auto counts = [&](size_t i) {
        const ClassCounts& c = scores.report.classes[i].counts;
        return std::vector<int64_t>{c.correct, c.predicted, c.expected};
    };
    EXPECT_EQ(counts(0), (std::vector<int64_t>{1, 1, 1}));
    EXPECT_EQ(counts(1), (std::vector<int64_t>{0, 1, 1}));
    EXPECT_EQ(counts(2), (std::vector<int64_t>{0, 1, 0}));
    EXPECT_EQ(counts(3), (std::vector<int64_t>{0, 0, 1}));
    EXPECT_EQ(counts(4), (std::vector<int64_t>{2, 3, 3}));
    EXPECT_NEAR(scores.report.micro.f1, 2.0 * 3 / (6 + 6), 1e-12);
    EXPECT_EQ(CountJson(expected, predicted).correct, 3);
}

TEST(JsonFields, OrderDoesNotCountAndNoJsonIsNothing) {
    const ordered_json a = {{"x", 1}, {"y", {1, 2}}}, b = {{"y", {2, 1}}, {"x", 1}};
    const JsonScores scores = ScoreJson({a, a}, {b, std::nullopt});
    EXPECT_EQ(scores.exact, 0.5);
    EXPECT_EQ(scores.no_json, 1);
    EXPECT_NEAR(scores.report.micro.precision, 1, 1e-12);
    EXPECT_NEAR(scores.report.micro.recall, 0.5, 1e-12);
}

TEST(Entities, AStrictSchemeRefusesForeignTags) {
    EXPECT_TRUE(FindEntities({"B-X", "I-X", "O"}, TagScheme::kBio).ok());
    EXPECT_EQ(KindOf(FindEntities({"S-X"}, TagScheme::kBio).status()), ErrorKind::kData);
    EXPECT_EQ(KindOf(FindEntities({""}, TagScheme::kBioes).status()), ErrorKind::kData);
    EXPECT_TRUE(FindEntities({"S-X"}, TagScheme::kBioes).ok());
    EXPECT_EQ(DetectScheme({{"O", "B-X"}, {"I-X"}}), TagScheme::kBio);
    EXPECT_EQ(DetectScheme({{"O"}, {"S-X"}}), TagScheme::kBioes);
}

TEST(Entities, NothingIsNothing) {
    const EntityScores scores = ScoreEntities({{}}, {{}});
    EXPECT_TRUE(scores.types.empty());
    EXPECT_EQ(scores.report.micro.f1, 0);
}

TEST(Correlation, TooFewNumbersHaveNone) {
    EXPECT_TRUE(std::isnan(Spearman({}, {})));
    EXPECT_TRUE(std::isnan(Spearman({1}, {1})));
    EXPECT_EQ(BestThreshold({}, {}).accuracy, 0);
}

TEST(Words, SpaceOfAnyScriptParts) {
    EXPECT_EQ(SplitWords(std::string_view("\u3000a\u00a0b\x1d"
                                          "c ")),
              (std::vector<std::string>{"a", "b", "c"}));
    EXPECT_EQ(StripSpace(" \u2003a b\u200b\n"), "a b\u200b");
    EXPECT_EQ(StripSpace(" \n"), "");
}

}  // namespace
}  // namespace hone
