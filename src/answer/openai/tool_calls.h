// Calls of functions in a model's words: how its template has it write them, and how they are found
// in an answer.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "answer/openai/requests.h"
#include "data/format/tokenize.h"

namespace hone {

// The form in which a chat template shows calls.
struct ToolForm {
    // What comes before a call: "<tool_call>\n" (Hermes, Qwen), "[TOOL_CALLS] [" (Mistral), nothing
    // (Llama 3, plain JSON).
    std::string open;
    std::string arguments_key = "arguments";  // Llama 3: "parameters"
    // Whether the template tells the model of the tools that it may call.
    bool shows_tools = false;
};

// By what the template makes of a conversation with a tool and a call.
ToolForm FindToolForm(const ConversationEncoder& encoder);

// The tools as a system message, for templates that show none: in the form of Hermes, whose calls
// are "<tool_call>\n{...}\n</tool_call>". They join a system message that is there.
void AddToolsMessage(Conversation& conversation);

struct ToolCall {
    std::string name;
    std::string arguments;  // JSON
};

// Takes the calls out of an answer as it comes: "<tool_call>{...}</tool_call>", "[TOOL_CALLS]
// [{...}]" and "<|python_tag|>{...}" anywhere, or an answer that is nothing but {...} or [{...}];
// each object with "name" and "arguments" or "parameters". A call of a function that is not there,
// and what is no call after all, is text.
class ToolCallReader {
  public:
    explicit ToolCallReader(std::vector<std::string> names) : names_(std::move(names)) {}

    // The text that is certain to be no part of a call.
    std::string Push(std::string_view text);
    // At the end: what is text of that which was held back.
    std::string Finish();
    const std::vector<ToolCall>& calls() const { return calls_; }

  private:
    bool ReadCalls(std::string_view json, std::vector<ToolCall>& calls) const;
    bool ReadCall(const nlohmann::ordered_json& call, std::vector<ToolCall>& calls) const;
    std::string FinishTagged(std::string_view held);

    std::vector<std::string> names_;
    std::vector<ToolCall> calls_;
    std::string held_;      // what may be a call
    bool begun_ = false;    // some text was certain
    bool holding_ = false;  // the rest is held back to the end
};

}  // namespace hone
