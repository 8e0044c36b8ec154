#include "answer/grading/grader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "answer/openai/api_error.h"

namespace hone {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using Json = nlohmann::ordered_json;

// The param of the error that refuses a grader; "" where it is good.
std::string Refused(const std::string& text) {
    const auto grader = Grader::Read(Json::parse(text));
    if (grader.ok()) return "";
    const ApiFailure failure = DescribeFailure(grader.status());
    EXPECT_EQ(failure.status, 400) << text;
    return failure.error["param"].is_null() ? "null" : failure.error["param"].get<std::string>();
}

Json Grade(const std::string& text, const GradedSample& sample,
           const std::vector<absl::StatusOr<Json>>& answers = {}) {
    const auto grader = Grader::Read(Json::parse(text));
    EXPECT_TRUE(grader.ok()) << grader.status();
    if (!grader.ok()) return {};
    GraderRun run(*grader, sample);
    EXPECT_EQ(run.questions().size(), answers.size());
    for (size_t i = 0; i < answers.size(); ++i) run.Answer(i, answers[i]);
    return run.Finish(0.5);
}

// The names of the errors of a run.
std::vector<std::string> Errors(const Json& result) {
    std::vector<std::string> errors;
    for (const auto& [name, value] : result["metadata"]["errors"].items())
        if (value == true) errors.push_back(name);
    return errors;
}

std::string StringCheck(const std::string& input, const std::string& operation,
                        const std::string& reference) {
    return Json{{"type", "string_check"},
                {"name", "check"},
                {"input", input},
                {"operation", operation},
                {"reference", reference}}
        .dump();
}

std::string Similar(const std::string& metric) {
    return Json{{"type", "text_similarity"},
                {"name", "alike"},
                {"input", "{{ sample.output_text }}"},
                {"reference", "{{item.answer}}"},
                {"evaluation_metric", metric}}
        .dump();
}

constexpr char kScore[] = R"({"type": "score_model", "name": "judge", "model": "tiny",
    "input": [{"role": "user", "content": "Rate {{sample.output_text}} for {{item.q}}"}],
    "range": [0, 10], "sampling_params": {"temperature": 0.5, "seed": 3}})";

Json Answered(const std::string& content, const std::string& model = "tiny") {
    return {{"model", model},
            {"choices", Json::array({{{"message", {{"content", content}}}}})},
            {"usage", {{"total_tokens", 12}}}};
}

TEST(Grader, ChecksStrings) {
    const GradedSample sample{R"({"city": {"name": "Oslo"}, "years": [1048, 1624]})",
                              Json{{"city", "Oslo"}, {"n", 3}, {"tags", {"a", "b"}}}};
    const auto reward = [&](const std::string& input, const std::string& operation,
                            const std::string& reference) {
        const Json result = Grade(StringCheck(input, operation, reference), sample);
        EXPECT_THAT(Errors(result), ElementsAre()) << input;
        return result["reward"].get<double>();
    };
    EXPECT_EQ(reward("{{sample.output_json.city.name}}", "eq", "{{item.city}}"), 1);
    EXPECT_EQ(reward("{{sample.output_json.city.name}}", "ne", "{{ item.city }}"), 0);
    EXPECT_EQ(reward("{{sample.output_json.years[1]}}", "eq", "1624"), 1);
    EXPECT_EQ(reward("{{item.tags.1}} {{item.n}}", "eq", "b 3"), 1);
    EXPECT_EQ(reward("{{item.tags}}", "eq", R"(["a","b"])"), 1);
    EXPECT_EQ(reward("in {{item.city}} today", "like", "Oslo"), 1);
    EXPECT_EQ(reward("in {{item.city}} today", "like", "oslo"), 0);
    EXPECT_EQ(reward("in {{item.city}} today", "ilike", "OSLO"), 1);
    EXPECT_EQ(reward("{ not a place }", "eq", "{ not a place }"), 1);
}

TEST(Grader, WhatASampleDoesNotHave) {
    const auto errors = [](const std::string& input, const GradedSample& sample) {
        const Json result = Grade(StringCheck(input, "ne", "x"), sample);
        EXPECT_EQ(result["reward"], 0);
        return Errors(result);
    };
    EXPECT_THAT(errors("{{item.none}}", {"", Json::parse(R"({"a":1})")}),
                ElementsAre("invalid_variable_error"));
    EXPECT_THAT(errors("{{item.a[3]}}", {"", Json::parse(R"({"a":[1]})")}),
                ElementsAre("invalid_variable_error"));
    EXPECT_THAT(errors("{{item}}", {"", Json()}), ElementsAre("invalid_variable_error"));
    EXPECT_THAT(errors("{{sample.output_json.a}}", {"no json", Json()}),
                ElementsAre("sample_parse_error"));
    EXPECT_THAT(errors("{{sample.output_text}}", {std::string(kMaxGradedBytes + 1, 'x'), Json()}),
                ElementsAre("truncated_observation_error"));
    const GradedSample longest{std::string(kMaxGradedBytes, 'x'), Json()};
    EXPECT_EQ(Grade(StringCheck("{{sample.output_text}}", "ne", "x"), longest)["reward"], 1);
}

TEST(Grader, ComparesTexts) {
    const GradedSample sample{"the cat sat on the mat",
                              Json::parse(R"({"answer":"the cat sat on a mat"})")};
    for (const char* metric : {"fuzzy_match", "bleu", "gleu", "meteor", "rouge_1", "rouge_2",
                               "rouge_3", "rouge_4", "rouge_5", "rouge_l"}) {
        const double reward = Grade(Similar(metric), sample)["reward"];
        EXPECT_EQ(reward > 0 && reward < 1, std::string(metric) != "rouge_5") << metric;
        EXPECT_NEAR(Grade(Similar(metric),
                          {"a b c d e f", Json::parse(R"({"answer":"a b c d e f"})")})["reward"],
                    1, 0.003)
            << metric;
    }
    EXPECT_NEAR(Grade(Similar("rouge_1"), sample)["reward"], 10.0 / 12, 1e-12);
    const Json embeddings = {
        {"model", "tiny"},
        {"data", Json::array({{{"embedding", {0.6, 0.8}}}, {{"embedding", {0.8, 0.6}}}})},
        {"usage", {{"total_tokens", 9}}}};
    const Json result = Grade(Similar("cosine"), sample, {embeddings});
    EXPECT_NEAR(result["reward"], 0.96, 1e-12);
    EXPECT_EQ(result["metadata"]["token_usage"], 9);
    EXPECT_EQ(result["metadata"]["sampled_model_name"], "tiny");
    EXPECT_EQ(Grade(Similar("cosine"), {"", Json::parse(R"({"answer":""})")})["reward"], 1);
}

TEST(Grader, AsksAModelForAScore) {
    const Grader grader = Grader::Read(Json::parse(kScore)).value();
    const GradedSample sample{"Oslo", Json::parse(R"({"q":"the capital"})")};
    const GraderRun run(grader, sample);
    ASSERT_EQ(run.questions().size(), 1u);
    EXPECT_EQ(run.questions()[0].model, "tiny");
    const Json& body = run.questions()[0].body;
    EXPECT_EQ(body["messages"][1]["content"], "Rate Oslo for the capital");
    EXPECT_THAT(body["messages"][0]["content"].get<std::string>(), HasSubstr("from 0 to 10"));
    EXPECT_EQ(body["temperature"], 0.5);
    EXPECT_EQ(body["seed"], 3);
    const auto reward = [&](const std::string& content) {
        return Grade(kScore, sample, {Answered(content)});
    };
    EXPECT_EQ(reward(R"({"result": 7.5})")["reward"], 7.5);
    EXPECT_EQ(reward(R"({"result": 70})")["reward"], 10);
    EXPECT_EQ(reward(R"({"result": 7.5})")["model_grader_token_usage_per_model"]["tiny"], 12);
    EXPECT_THAT(Errors(reward(R"({"result": 7)")), ElementsAre("model_grader_parse_error"));
    EXPECT_THAT(Errors(reward(R"({"result": "7"})")), ElementsAre("model_grader_parse_error"));
    const Json failed = Grade(kScore, sample, {absl::UnavailableError("it is gone")});
    EXPECT_THAT(Errors(failed), ElementsAre("model_grader_server_error"));
    EXPECT_EQ(failed["metadata"]["errors"]["model_grader_server_error_details"], "it is gone");
    EXPECT_EQ(failed["reward"], 0);
}

TEST(Grader, AFormulaOverOthers) {
    const std::string multi = R"({"type": "multi", "name": "all",
        "calculate_output": "0.5 * same + 0.5 * label", "graders": {
        "same": )" + StringCheck("{{sample.output_text}}", "eq", "yes") +
                              R"(, "label": {"type": "label_model", "name": "l", "model": "tiny",
        "input": [{"role": "developer", "content": [{"type": "input_text", "text": "Judge {{sample.output_text}}"}]}],
        "labels": ["good", "bad"], "passing_labels": ["good"]}}})";
    Json result = Grade(multi, {"yes", Json()}, {Answered(R"({"label": "bad"})")});
    EXPECT_EQ(result["reward"], 0.5);
    EXPECT_EQ(result["sub_rewards"], (Json{{"same", 1}, {"label", 0}}));
    EXPECT_EQ(result["metadata"]["type"], "multi");
    result = Grade(multi, {"yes", Json()}, {Answered(R"({"label": "good"})")});
    EXPECT_EQ(result["reward"], 1);
    // What went wrong in one is not hidden by the formula.
    result = Grade(multi, {"yes", Json()}, {absl::UnavailableError("gone")});
    EXPECT_EQ(result["reward"], 0);
    const std::string divides = R"({"type": "multi", "name": "all", "calculate_output":
        "1 / check", "graders": )" +
                                StringCheck("a", "eq", "b") + "}";
    EXPECT_THAT(Errors(Grade(divides, {"", Json()})), ElementsAre("other_error"));
    // One grader, as the SDKs' types have it, is called by its name.
    EXPECT_EQ(
        Grade(R"({"type": "multi", "name": "all", "calculate_output": "check * 2", "graders": )" +
                  StringCheck("a", "eq", "a") + "}",
              {"", Json()})["reward"],
        2);
}

TEST(Grader, WhatIsRefused) {
    EXPECT_EQ(Refused("[]"), "grader");
    EXPECT_EQ(Refused("{}"), "grader.type");
    EXPECT_EQ(Refused(R"({"type": "riddle"})"), "grader.type");
    EXPECT_EQ(Refused(R"({"type": "python", "name": "p", "source": "def grade(): pass"})"),
              "grader.type");
    EXPECT_THAT(std::string(Grader::Read(Json::parse(R"({"type":"python"})")).status().message()),
                HasSubstr("runs no code"));
    EXPECT_EQ(Refused(R"({"type": "string_check", "name": "a"})"), "grader.input");
    EXPECT_EQ(Refused(StringCheck("{{item.a", "eq", "")), "grader.input");
    EXPECT_EQ(Refused(StringCheck("{{}}", "eq", "")), "grader.input");
    EXPECT_EQ(Refused(StringCheck("", "eq", "{{system.secret}}")), "grader.reference");
    EXPECT_EQ(Refused(StringCheck("", "eq", "{{sample.choices}}")), "grader.reference");
    EXPECT_EQ(Refused(StringCheck("", "eq", "{{item..a}}")), "grader.reference");
    EXPECT_EQ(Refused(StringCheck("", "eq", "{{item.a[x]}}")), "grader.reference");
    EXPECT_EQ(Refused(StringCheck("", "neq", "")), "grader.operation");
    EXPECT_EQ(Refused(Similar("rouge_6")), "grader.evaluation_metric");
    Json score = Json::parse(kScore);
    EXPECT_EQ(Refused(score.dump()), "");
    score["range"] = {1, 0};
    EXPECT_EQ(Refused(score.dump()), "grader.range");
    score["range"] = {0};
    EXPECT_EQ(Refused(score.dump()), "grader.range");
    score = Json::parse(kScore);
    score["sampling_params"]["temperature"] = 3;
    EXPECT_EQ(Refused(score.dump()), "grader.sampling_params.temperature");
    score = Json::parse(kScore);
    score["input"][0]["content"] = Json::array({{{"type", "input_image"}, {"image_url", "x"}}});
    EXPECT_EQ(Refused(score.dump()), "grader.input[0].content[0]");
    score["extra"] = 1;
    score["input"][0]["content"] = "a";
    EXPECT_EQ(Refused(score.dump()), "grader.extra");
    const auto multi = [](const Json& graders, const std::string& formula) {
        return Refused(Json{
            {"type", "multi"}, {"name", "m"}, {"graders", graders}, {"calculate_output", formula}}
                           .dump());
    };
    const Json check = Json::parse(StringCheck("a", "eq", "a"));
    EXPECT_EQ(multi(Json::object({{"a", check}}), "a"), "");
    EXPECT_EQ(multi(Json::object({{"a", check}}), "a +"), "grader.calculate_output");
    EXPECT_EQ(multi(Json::object({{"a", check}}), "b"), "grader.calculate_output");
    EXPECT_EQ(multi(Json::object({{"a b", check}}), "1"), "grader.graders");
    EXPECT_EQ(multi(Json::object(), "1"), "grader.graders");
    EXPECT_EQ(multi(Json::parse(R"({"a":{"type":"multi"}})"), "1"), "grader.graders.a.type");
    Json many;
    for (size_t i = 0; i <= kMaxGraders; ++i) many[fmt::format("g{}", i)] = check;
    EXPECT_EQ(multi(many, "1"), "grader.graders");
    many.erase("g0");
    EXPECT_EQ(multi(many, "1"), "");
}

}  // namespace
}  // namespace hone
