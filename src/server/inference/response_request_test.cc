#include "server/inference/response_request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "answer/openai/api_error.h"

namespace hone::server {
namespace {

using Json = nlohmann::ordered_json;

ResponseRequest Read(const std::string& text) {
    auto request = ReadResponseRequest(Json::parse(text));
    EXPECT_TRUE(request.ok()) << text << ": " << request.status();
    return request.ok() ? *std::move(request) : ResponseRequest{};
}

// The param of the refusal.
std::string Refused(const std::string& members) {
    const auto request =
        ReadResponseRequest(Json::parse(R"({"model": "m", "input": "a")" + members + "}"));
    if (request.ok()) return "";
    const ApiFailure failure = DescribeFailure(request.status());
    EXPECT_EQ(failure.status, 400);
    return failure.error["param"].is_null() ? "null" : failure.error["param"].get<std::string>();
}

TEST(ResponseRequest, BecomesAChatCompletion) {
    const ResponseRequest request = Read(R"({"model": "m", "input": "hello", "temperature": 0.5,
        "instructions": "Be short.", "max_output_tokens": 7, "top_p": 0.5, "stream": true,
        "tools": [{"type": "function", "name": "f", "parameters": {"type": "object"}}],
        "tool_choice": {"type": "function", "name": "f"}, "parallel_tool_calls": false,
        "text": {"format": {"type": "json_schema", "name": "s", "schema": {}, "strict": true}}})");
    EXPECT_EQ(request.model, "m");
    EXPECT_TRUE(request.stream);
    EXPECT_TRUE(request.store);
    EXPECT_EQ(request.chat, Json::parse(R"({"stream": true, "parallel_tool_calls": false,
        "temperature": 0.5, "top_p": 0.5, "max_completion_tokens": 7,
        "response_format": {"type": "json_schema",
                            "json_schema": {"name": "s", "schema": {}, "strict": true}},
        "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"},
                                                    "strict": false}}],
        "tool_choice": {"type": "function", "function": {"name": "f"}}})"));
    EXPECT_EQ(request.shown["instructions"], "Be short.");
    EXPECT_EQ(request.shown["tools"][0]["name"], "f");
    ASSERT_EQ(request.items.size(), 1u);
    EXPECT_TRUE(request.items[0]["id"].get<std::string>().starts_with("msg_"));
    EXPECT_EQ(ChatMessages(request.instructions, request.items),
              Json::parse(R"([{"role": "system", "content": "Be short."},
                              {"role": "user", "content": "hello"}])"));
}

TEST(ResponseRequest, ItemsBecomeMessages) {
    const ResponseRequest request = Read(R"({"model": "m", "input": [
        {"role": "developer", "content": "Rules."},
        {"type": "message", "role": "user",
         "content": [{"type": "input_text", "text": "a"}, {"type": "input_text", "text": "b"}]},
        {"role": "assistant", "id": "msg_1", "content": [{"type": "output_text", "text": "c",
                                                          "annotations": []}]},
        {"type": "function_call", "call_id": "1", "name": "f", "arguments": "{}"},
        {"type": "function_call", "call_id": "2", "name": "g", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "1", "output": "x"},
        {"type": "function_call", "call_id": "3", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "3",
         "output": [{"type": "input_text", "text": "y"}]}]})");
    EXPECT_EQ(request.items[2]["id"], "msg_1");
    const Json messages = ChatMessages("Be short.", request.items);
    std::string shape;
    for (const Json& message : messages) {
        const Json content = message["content"];
        shape += fmt::format("{}:{}:{} ", message["role"].get<std::string>(),
                             content.is_null() ? "-" : content.get<std::string>(),
                             message.value("tool_calls", Json::array()).size());
    }
    EXPECT_EQ(shape,
              "system:Be short.\n\nRules.:0 user:ab:0 assistant:c:2 tool:x:0 assistant:-:1 "
              "tool:y:0 ");
}

TEST(ResponseRequest, WhatIsRefused) {
    EXPECT_EQ(Refused(""), "");
    EXPECT_EQ(Refused(R"(, "tools": [{"type": "web_search"}])"), "tools[0].type");
    EXPECT_EQ(Refused(R"(, "tools": [{"type": "function"}])"), "tools[0].name");
    EXPECT_EQ(Refused(R"(, "tool_choice": {"type": "file_search"})"), "tool_choice.type");
    EXPECT_EQ(Refused(R"(, "tool_choice": "any")"), "tool_choice");
    EXPECT_EQ(Refused(R"(, "include": ["file_search_call.results"])"), "include");
    EXPECT_EQ(Refused(R"(, "text": {"format": {"type": "xml"}})"), "text.format.type");
    EXPECT_EQ(Refused(R"(, "text": {"format": {"type": "json_schema", "name": "a"}})"),
              "text.format.schema");
    EXPECT_EQ(Refused(R"(, "background": true)"), "background");
    EXPECT_EQ(Refused(R"(, "truncation": "auto")"), "truncation");
    EXPECT_EQ(Refused(R"(, "reasoning": {"effort": "high"})"), "reasoning.effort");
    EXPECT_EQ(Refused(R"(, "conversation": "c")"), "conversation");
    EXPECT_EQ(Refused(R"(, "surprise": 1)"), "surprise");
    const auto input = [](const std::string& text) {
        const auto request =
            ReadResponseRequest(Json{{"model", "m"}, {"input", Json::parse(text)}});
        return request.ok() ? "" : DescribeFailure(request.status()).error["param"];
    };
    EXPECT_EQ(input("1"), "input");
    EXPECT_EQ(input("[]"), "input");
    EXPECT_EQ(input("[1]"), "input[0]");
    EXPECT_EQ(input(R"([{"type": "item_reference", "id": "x"}])"), "input[0].type");
    EXPECT_EQ(input(R"([{"role": "user"}])"), "input[0].content");
    EXPECT_EQ(input(R"([{"role": "nobody", "content": "a"}])"), "input[0].role");
    EXPECT_EQ(input(R"([{"role": "user", "content": [{"type": "input_image"}]}])"),
              "input[0].content[0]");
}

}  // namespace
}  // namespace hone::server
