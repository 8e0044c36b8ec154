// Conversations out of JSON: OpenAI's messages (row_format.h) and ShareGPT's.
#pragma once

#include "base/status.h"
#include "data/format/row_format.h"
#include "nlohmann/json.hpp"

namespace hone {

// A row with "messages" in OpenAI's form, as a list or as a text of JSON; beside them "tools" or the
// older "functions", and a "system" text that goes in front.
absl::StatusOr<Conversation> ParseMessagesRow(const nlohmann::ordered_json& row);

// A row with "conversations": [{"from": "human" | "gpt" | "system" | ..., "value": TEXT}, ...], as
// ShareGPT exports have it, also with "role" and "content"; "system", "tools" and "functions" beside
// it as above.
absl::StatusOr<Conversation> ParseShareGpt(const nlohmann::ordered_json& row);

// JSON inside a string, such as the arguments of a tool call, under the limits of a row; false: it
// is none.
bool ParseInnerJson(const std::string& text, nlohmann::ordered_json* value);

}  // namespace hone
