#include "answer/openai/requests.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "answer/openai/api_error.h"
#include "base/files/testing.h"

namespace hone {
namespace {

using testing::HasSubstr;
using Json = nlohmann::ordered_json;

Json Chat(const std::string& members = "") {
    return Json::parse(R"({"model":"m","messages":[{"role":"user","content":"hi"}])" +
                       (members.empty() ? "" : "," + members) + "}");
}

Json Completion(const std::string& members = "") {
    return Json::parse(R"({"model":"m","prompt":"hi")" + (members.empty() ? "" : "," + members) +
                       "}");
}

// "param code: message" of the error that a body gives; "" where it is taken.
std::string Shown(const absl::Status& status) {
    if (status.ok()) return "";
    const ApiFailure failure = DescribeFailure(status);
    EXPECT_EQ(failure.status, 400);
    EXPECT_EQ(failure.error["type"], "invalid_request_error");
    const auto text = [&](const char* member) {
        const Json& value = failure.error[member];
        return value.is_null() ? std::string("-") : value.get<std::string>();
    };
    return text("param") + " " + text("code") + ": " + text("message");
}
std::string ChatProblem(const std::string& members) {
    return Shown(ReadChatRequest(Chat(members)).status());
}
std::string CompletionProblem(const std::string& members) {
    return Shown(ReadCompletionRequest(Completion(members)).status());
}

TEST(ChatRequest, ReadsEveryField) {
    const ChatRequest request =
        ReadChatRequest(Chat(R"("temperature":0.5,"top_p":0.9,"n":3,"stop":["a","b"],"stream":true,
                "stream_options":{"include_usage":true},"max_completion_tokens":7,
                "frequency_penalty":-1,"presence_penalty":2,"seed":-5,"logit_bias":{"12":-100,"7":3.5},
                "logprobs":true,"top_logprobs":4,"parallel_tool_calls":false,
                "response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{"a":1},
                "strict":true}},"tools":[{"type":"function","function":{"name":"f","description":"d",
                "parameters":{"type":"object"},"strict":false}}],
                "tool_choice":{"type":"function","function":{"name":"f"}},
                "user":"u","metadata":{"k":"v"},"store":true,"service_tier":"auto",
                "modalities":["text"],"verbosity":"medium","reasoning_effort":"none",
                "prompt_cache_key":"p","safety_identifier":"s")"))
            .value();
    EXPECT_EQ(request.temperature, 0.5);
    EXPECT_EQ(request.top_p, 0.9);
    EXPECT_EQ(request.n, 3);
    EXPECT_THAT(request.stop, testing::ElementsAre("a", "b"));
    EXPECT_TRUE(request.stream && request.include_usage && request.logprobs);
    EXPECT_EQ(request.max_tokens, 7);
    EXPECT_EQ(request.frequency_penalty, -1);
    EXPECT_EQ(request.presence_penalty, 2);
    EXPECT_EQ(request.seed, -5);
    EXPECT_THAT(request.logit_bias,
                testing::ElementsAre(testing::Pair(12, -100.0f), testing::Pair(7, 3.5f)));
    EXPECT_EQ(request.top_logprobs, 4);
    EXPECT_EQ(request.format.kind, ResponseFormat::Kind::kJsonSchema);
    EXPECT_TRUE(request.format.strict);
    EXPECT_EQ(request.format.schema, Json::parse(R"({"a":1})"));
    ASSERT_EQ(request.tools.size(), 1u);
    EXPECT_EQ(request.tools[0].name, "f");
    EXPECT_EQ(request.tool_choice.kind, ToolChoice::Kind::kNamed);
    EXPECT_FALSE(request.parallel_tool_calls);
    EXPECT_EQ(request.conversation.messages[0]["content"], "hi");
    EXPECT_EQ(request.conversation.tools[0]["function"]["description"], "d");
}

TEST(ChatRequest, NullIsAbsent) {
    for (const char* name :
         {"temperature", "top_p", "n", "stop", "stream", "stream_options", "max_tokens", "seed",
          "logit_bias", "logprobs", "top_logprobs", "response_format", "tools", "tool_choice",
          "functions", "audio", "user", "reasoning_effort", "parallel_tool_calls"})
        EXPECT_EQ(ChatProblem(fmt::format("\"{}\":null", name)), "") << name;
}

TEST(ChatRequest, ErrorsSayWhichFieldAndWhy) {
    const std::pair<const char*, const char*> cases[] = {
        {R"("temperature":"1")", "temperature invalid_type: Invalid type for 'temperature'"},
        {R"("temperature":2.1)", "temperature decimal_above_max_value: "},
        {R"("temperature":-0.1)", "temperature decimal_below_min_value: "},
        {R"("top_p":1.5)", "top_p decimal_above_max_value: "},
        {R"("n":0)", "n integer_below_min_value: "},
        {R"("n":129)", "n integer_above_max_value: "},
        {R"("n":1.5)", "n invalid_type: "},
        {R"("n":18446744073709551615)", "n integer_above_max_value: "},
        {R"("max_tokens":0)", "max_tokens integer_below_min_value: "},
        {R"("max_tokens":5,"max_completion_tokens":5)",
         "max_tokens invalid_parameter_combination: "},
        {R"("stop":["a","b","c","d","e"])", "stop array_above_max_length: "},
        {R"("stop":7)", "stop invalid_type: "},
        {R"("stop":[7])", "stop invalid_type: "},
        {R"("stream":1)", "stream invalid_type: "},
        {R"("stream_options":{"include_usage":true})", "stream_options invalid_value: "},
        {R"("stream":true,"stream_options":{"more":1})", "stream_options.more unknown_parameter: "},
        {R"("logit_bias":{"x":1})", "logit_bias invalid_value: "},
        {R"("logit_bias":{"-1":1})", "logit_bias invalid_value: "},
        {R"("logit_bias":{"1":101})", "logit_bias invalid_value: "},
        {R"("logit_bias":[1])", "logit_bias invalid_type: "},
        {R"("top_logprobs":2)", "top_logprobs invalid_value: "},
        {R"("logprobs":true,"top_logprobs":21)", "top_logprobs integer_above_max_value: "},
        {R"("logprobs":3)", "logprobs invalid_type: "},
        {R"("response_format":{"type":"xml"})", "response_format.type invalid_value: "},
        {R"("response_format":{})", "response_format.type missing_required_parameter: "},
        {R"("response_format":{"type":"json_schema"})",
         "response_format.json_schema missing_required_parameter: "},
        {R"("response_format":{"type":"json_schema","json_schema":{"name":"a b"}})",
         "response_format.json_schema.name invalid_value: "},
        {R"("tools":[])", "tools empty_array: "},
        {R"("tools":[{"type":"custom","custom":{"name":"x"}}])", "tools[0] unsupported_value: "},
        {R"("tools":[{"type":"function"}])", "tools[0].function missing_required_parameter: "},
        {R"("tools":[{"type":"function","function":{"name":"a!"}}])",
         "tools[0].function.name invalid_value: "},
        {R"("tools":[{"type":"function","function":{"name":"f"}},
            {"type":"function","function":{"name":"f"}}])",
         "tools[1].function.name invalid_value: "},
        {R"("tool_choice":"auto")", "tool_choice invalid_value: "},
        {R"("tools":[{"type":"function","function":{"name":"f"}}],"tool_choice":"any")",
         "tool_choice invalid_value: "},
        {R"("tools":[{"type":"function","function":{"name":"f"}}],
            "tool_choice":{"type":"function","function":{"name":"g"}})",
         "tool_choice.function.name invalid_value: "},
        {R"("functions":[{"name":"f"}])", "functions unsupported_parameter: "},
        {R"("audio":{})", "audio unsupported_parameter: "},
        {R"("modalities":["text","audio"])", "modalities unsupported_value: "},
        {R"("reasoning_effort":"high")", "reasoning_effort invalid_value: "},
        {R"("service_tier":"flex")", "service_tier invalid_value: "},
        {R"("best_of":2)", "best_of unknown_parameter: Unknown parameter: 'best_of'."}};
    for (const auto& [members, expected] : cases)
        EXPECT_THAT(ChatProblem(members), testing::StartsWith(expected)) << members;
}

TEST(ChatRequest, MessagesAreChecked) {
    const auto problem = [](const std::string& messages) {
        return Shown(ReadChatRequest(Json::parse("{\"messages\":" + messages + "}")).status());
    };
    const std::pair<const char*, const char*> cases[] = {
        {"null", "messages invalid_type: "},
        {"[]", "messages empty_array: "},
        {"{}", "messages invalid_type: "},
        {"[7]", "messages[0] invalid_type: "},
        {R"([{"content":"x"}])", "messages[0].role missing_required_parameter: "},
        {R"([{"role":"wizard","content":"x"}])", "messages[0].role invalid_value: "},
        {R"([{"role":"user"}])", "messages[0].content invalid_type: "},
        {R"([{"role":"user","content":7}])", "messages[0].content invalid_type: "},
        {R"([{"role":"user","content":"x","tool_calls":[]}])",
         "messages[0].tool_calls unknown_parameter: "},
        {R"([{"role":"user","content":[]}])", "messages[0].content empty_array: "},
        {R"([{"role":"user","content":[{"type":"image_url","image_url":{"url":"x"}}]}])",
         "messages[0].content[0] unsupported_value: "},
        {R"([{"role":"user","content":[{"type":"text"}]}])",
         "messages[0].content[0].text missing_required_parameter: "},
        {R"([{"role":"tool","content":"x"}])",
         "messages[0].tool_call_id missing_required_parameter: "},
        {R"([{"role":"user","content":"x"},{"role":"assistant","tool_calls":[{"id":"1","type":
            "function","function":{"name":"f"}}]}])",
         "messages[1].tool_calls[0].function.arguments missing_required_parameter: "}};
    for (const auto& [messages, expected] : cases)
        EXPECT_THAT(problem(messages), testing::StartsWith(expected)) << messages;
    EXPECT_EQ(Shown(ReadChatRequest(Json::parse("{}")).status()).substr(0, 43),
              "messages missing_required_parameter: Missin");
    EXPECT_THAT(Shown(ReadChatRequest(Json::parse("[]")).status()), HasSubstr("a JSON object"));
    EXPECT_EQ(problem(R"([{"role":"developer","content":"d"},{"role":"user","content":[{"type":
        "text","text":"a"},{"type":"text","text":"b"}],"name":"n"},{"role":"assistant","content":null,
        "refusal":null,"tool_calls":[{"id":"1","type":"function","function":{"name":"f",
        "arguments":"{}"}}]},{"role":"tool","tool_call_id":"1","content":"r"},
        {"role":"assistant","refusal":"no"},{"role":"user","content":"x"}])"),
              "");
    Json many = Json::array();
    for (size_t i = 0; i <= kMaxMessages; ++i) many.push_back({{"role", "user"}, {"content", "x"}});
    EXPECT_THAT(problem(many.dump()), HasSubstr("messages array_above_max_length"));
    many.erase(0);
    EXPECT_EQ(problem(many.dump()), "");
}

TEST(CompletionRequest, PromptsAreTextsOrTokens) {
    const auto prompts = [](const std::string& prompt) {
        return ReadCompletionRequest(Json::parse("{\"prompt\":" + prompt + "}")).value().prompts;
    };
    EXPECT_EQ(std::get<std::string>(prompts("\"a\"")[0]), "a");
    EXPECT_EQ(prompts(R"(["a","b"])").size(), 2u);
    EXPECT_THAT(std::get<std::vector<int32_t>>(prompts("[1,2]")[0]), testing::ElementsAre(1, 2));
    EXPECT_EQ(prompts("[[1,2],[3]]").size(), 2u);
    const auto problem = [](const std::string& prompt) {
        return Shown(ReadCompletionRequest(Json::parse("{\"prompt\":" + prompt + "}")).status());
    };
    EXPECT_THAT(problem("null"), HasSubstr("missing_required_parameter"));
    EXPECT_THAT(problem("[]"), HasSubstr("prompt empty_array"));
    EXPECT_THAT(problem("[1,\"a\"]"), HasSubstr("prompt invalid_type"));
    EXPECT_THAT(problem("[-1]"), HasSubstr("prompt invalid_value"));
    EXPECT_THAT(problem("{}"), HasSubstr("prompt invalid_type"));
}

TEST(CompletionRequest, FieldsAreChecked) {
    EXPECT_EQ(ReadCompletionRequest(Completion()).value().max_tokens, 16);
    const CompletionRequest echo =
        ReadCompletionRequest(Completion(R"("max_tokens":0,"echo":true,"logprobs":5)")).value();
    EXPECT_TRUE(echo.echo);
    EXPECT_EQ(echo.logprobs, 5);
    EXPECT_THAT(CompletionProblem(R"("max_tokens":0)"), HasSubstr("integer_below_min_value"));
    EXPECT_THAT(CompletionProblem(R"("logprobs":6)"), HasSubstr("logprobs integer_above"));
    EXPECT_THAT(CompletionProblem(R"("suffix":"x")"), HasSubstr("suffix unsupported_parameter"));
    EXPECT_THAT(CompletionProblem(R"("best_of":3,"n":2)"), HasSubstr("best_of unsupported_value"));
    EXPECT_EQ(CompletionProblem(R"("best_of":2,"n":2)"), "");
    EXPECT_THAT(CompletionProblem(R"("messages":[])"), HasSubstr("unknown_parameter"));
    EXPECT_THAT(
        Shown(ReadCompletionRequest(Json::parse(R"({"prompt":["a","b"],"n":65})")).status()),
        HasSubstr("more than 128 choices"));
}

// Whatever stands in a field: it is taken, or refused by an error that names a field.
TEST(ChatRequest, AnyValueInAnyFieldIsAnError) {
    const std::string values[] = {"null",   "true", "0",    "-1",
                                  "1e300",  "1.5",  "\"\"", "\"x\"",
                                  "[]",     "[[]]", "{}",   R"({"type":"function"})",
                                  "[null]", "[{}]"};
    for (const char* name : {"messages",
                             "model",
                             "temperature",
                             "top_p",
                             "n",
                             "stop",
                             "stream",
                             "stream_options",
                             "max_tokens",
                             "max_completion_tokens",
                             "frequency_penalty",
                             "presence_penalty",
                             "seed",
                             "logit_bias",
                             "logprobs",
                             "top_logprobs",
                             "response_format",
                             "tools",
                             "tool_choice",
                             "parallel_tool_calls",
                             "functions",
                             "function_call",
                             "audio",
                             "prediction",
                             "modalities",
                             "verbosity",
                             "reasoning_effort",
                             "service_tier",
                             "prompt",
                             "echo",
                             "suffix",
                             "best_of"})
        for (const std::string& value : values) {
            Json body = Chat();
            body[name] = Json::parse(value);
            for (const absl::Status& status :
                 {ReadChatRequest(body).status(), ReadCompletionRequest(body).status()}) {
                if (status.ok()) continue;
                const ApiFailure failure = DescribeFailure(status);
                EXPECT_EQ(failure.status, 400) << name << " " << value;
                EXPECT_TRUE(failure.error["param"].is_string()) << name << " " << value;
            }
        }
}

TEST(DescribeFailure, KindsHaveTheirStatus) {
    EXPECT_EQ(DescribeFailure(UsageError("x")).status, 400);
    EXPECT_EQ(DescribeFailure(MemoryError("x")).status, 429);
    EXPECT_EQ(DescribeFailure(ModelError("x")).status, 500);
    const ApiFailure failure = DescribeFailure(HttpError(404, "t", "m", "p", "c"));
    EXPECT_EQ(failure.status, 404);
    EXPECT_EQ(failure.error.dump(), R"({"message":"m","type":"t","param":"p","code":"c"})");
    EXPECT_TRUE(DescribeFailure(RequestError("m")).error["param"].is_null());
}

}  // namespace
}  // namespace hone
