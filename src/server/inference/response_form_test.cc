#include "server/inference/response_form.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "platform/testing.h"

namespace hone::server {
namespace {

using Json = nlohmann::ordered_json;
using testing::ElementsAre;

constexpr char kUsage[] = R"("usage": {"prompt_tokens": 3, "completion_tokens": 2,
    "total_tokens": 5, "prompt_tokens_details": {"cached_tokens": 1}})";

class ResponseFormTest : public testing::Test {
  protected:
    ResponseForm Form(const std::string& members = "") {
        auto request =
            ReadResponseRequest(Json::parse(R"({"model": "m", "input": "a")" + members + "}"));
        EXPECT_TRUE(request.ok()) << request.status();
        return ResponseForm(test_.platform->answers(), test_.caller, *std::move(request), "tiny",
                            1'700'000'000);
    }
    static std::string Chunk(const std::string& delta) {
        return R"({"choices": [{"delta": )" + delta + R"(, "logprobs": null}]})";
    }
    static std::string Whole(const std::string& message, const std::string& reason) {
        return R"({"choices": [{"message": )" + message + R"(, "logprobs": null,
            "finish_reason": ")" +
               reason + "\"}], " + kUsage + "}";
    }
    // The types of the events, whose numbers go on from `next`.
    std::vector<std::string> Types(const std::string& stream, int& next) {
        std::vector<std::string> types;
        for (size_t at = 0; (at = stream.find("data: ", at)) != std::string::npos; ++at) {
            last_ = Json::parse(stream.substr(at + 6, stream.find('\n', at) - at - 6));
            EXPECT_EQ(last_["sequence_number"], next++);
            types.push_back(last_["type"]);
        }
        return types;
    }

    platform::TestPlatform test_;
    Json last_;  // event
};

TEST_F(ResponseFormTest, AStreamOfTextAndCalls) {
    ResponseForm form = Form(R"(, "stream": true, "store": false)");
    int next = 0;
    EXPECT_THAT(Types(form.Begin(), next), ElementsAre("response.created", "response.in_progress"));
    EXPECT_THAT(Types(form.Chunk(Chunk(R"({"role": "assistant", "content": ""})")), next),
                ElementsAre());
    EXPECT_THAT(Types(form.Chunk(Chunk(R"({"content": "Hel"})")), next),
                ElementsAre("response.output_item.added", "response.content_part.added",
                            "response.output_text.delta"));
    EXPECT_THAT(Types(form.Chunk(Chunk(R"({"content": "lo"})")), next),
                ElementsAre("response.output_text.delta"));
    const std::string calls = R"([{"index": 0, "id": "call_1", "type": "function",
        "function": {"name": "f", "arguments": "{}"}}])";
    EXPECT_THAT(Types(form.Chunk(Chunk(R"({"tool_calls": )" + calls + "}")), next),
                ElementsAre("response.output_text.done", "response.content_part.done",
                            "response.output_item.done", "response.output_item.added",
                            "response.function_call_arguments.delta",
                            "response.function_call_arguments.done", "response.output_item.done"));
    EXPECT_EQ(last_["output_index"], 1);
    const auto whole =
        form.Done(Whole(R"({"content": "Hello", "tool_calls": )" + calls + "}", "tool_calls"));
    EXPECT_THAT(Types(whole->rest, next), ElementsAre("response.completed"));
    const Json response = last_["response"];
    EXPECT_EQ(response, Json::parse(whole->body));
    EXPECT_EQ(response["output"][0]["content"][0]["text"], "Hello");
    EXPECT_EQ(response["output"][1]["call_id"], "call_1");
    EXPECT_EQ(response["output"][1]["status"], "completed");
    EXPECT_EQ(response["usage"]["input_tokens"], 3);
    EXPECT_EQ(response["usage"]["input_tokens_details"]["cached_tokens"], 1);
    EXPECT_EQ(Types(form.Failed(R"({"message": "m", "code": "c", "param": null})"), next)[0],
              "error");
    EXPECT_EQ(last_["message"], "m");
}

TEST_F(ResponseFormTest, TheWholeIsKept) {
    ResponseForm form = Form(R"(, "metadata": {"a": "b"})");
    EXPECT_TRUE(form.blocks());
    const auto whole = form.Done(Whole(R"({"content": "Hel"})", "length"));
    ASSERT_TRUE(whole.ok()) << whole.status();
    const Json response = Json::parse(whole->body);
    EXPECT_EQ(response["status"], "incomplete");
    EXPECT_EQ(response["incomplete_details"]["reason"], "max_output_tokens");
    EXPECT_EQ(response["output"][0]["status"], "incomplete");
    const auto stored =
        test_.platform->answers().Get(test_.caller, "response", response["id"], "id");
    ASSERT_TRUE(stored.ok()) << stored.status();
    EXPECT_EQ(Json::parse(stored->body), response);
    EXPECT_EQ(Json::parse(stored->input)[0]["content"][0]["text"], "a");
    EXPECT_EQ(stored->metadata.at("a"), "b");
}

TEST_F(ResponseFormTest, AnAnswerOfNoToken) {
    ResponseForm form = Form(R"(, "stream": true, "store": false)");
    int next = 0;
    Types(form.Begin(), next);
    const auto whole = form.Done(Whole(R"({"content": ""})", "stop"));
    EXPECT_THAT(Types(whole->rest, next),
                ElementsAre("response.output_item.added", "response.content_part.added",
                            "response.output_text.done", "response.content_part.done",
                            "response.output_item.done", "response.completed"));
    EXPECT_EQ(last_["response"]["output"][0]["content"][0]["text"], "");
}

}  // namespace
}  // namespace hone::server
