// What a chat template leaves out of a conversation: what it does not show is not trained, and
// nobody would see it.
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
    // It was to be trained: a row without it teaches something else. What only asks (a system
    // text, tools) or what templates drop on purpose (the reasoning of earlier answers) is not.
    bool trained = false;
};

// The text of an assistant's message within the rendered one; empty where it is not known.
using AnswerText = std::function<std::string_view(size_t message)>;
using RenderMessages = std::function<absl::StatusOr<std::string>(
    const nlohmann::ordered_json& messages, const nlohmann::ordered_json& tools)>;

// Looks for every content, tool call, reasoning and tool of `conversation` in `text`, which is
// `messages` (the conversation's, as the template gets them) rendered. White space, escapes and
// places may differ. What is short or not found is looked for once more in a rendering in which
// numbers stand in its place. Fails only for want of memory.
absl::StatusOr<std::vector<LeftOut>> FindLeftOut(const Conversation& conversation,
                                                 const nlohmann::ordered_json& messages,
                                                 std::string_view text, const AnswerText& answer,
                                                 const RenderMessages& render);

}  // namespace hone
