// Finds what a chat template leaves out of a conversation. What it leaves out is not trained, and
// nobody would notice.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "data/format/row_format.h"
#include "nlohmann/json.hpp"

namespace hone {

struct LeftOut {
    std::string what;  // "the tool_calls of message 2"
    // Whether it should be trained, so that a row without it teaches something else. False for what
    // is not learned (a system text, tools), and for what templates drop on purpose (the reasoning
    // of earlier answers).
    bool trained = false;
};

// The text of an assistant's message within the rendered one; empty where it is not known.
using AnswerText = std::function<std::string_view(size_t message)>;
using RenderMessages = std::function<absl::StatusOr<std::string>(
    const nlohmann::ordered_json& messages, const nlohmann::ordered_json& tools)>;

// Searches `text` for every content, tool call, reasoning and tool of `conversation`. `text` is
// `messages` rendered, which are the conversation's messages as the template gets them. White
// space, escapes and order may differ. A part that is short or not found is searched for once more,
// in a rendering with numbers in its place. Fails only if there is not enough memory.
absl::StatusOr<std::vector<LeftOut>> FindLeftOut(const Conversation& conversation,
                                                 const nlohmann::ordered_json& messages,
                                                 std::string_view text, const AnswerText& answer,
                                                 const RenderMessages& render);

}  // namespace hone
