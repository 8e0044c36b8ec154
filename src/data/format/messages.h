// Conversations out of JSON: OpenAI's messages (row_format.h) and ShareGPT's.
#pragma once

#include "base/status.h"
#include "data/format/row_format.h"
#include "nlohmann/json.hpp"

namespace hone {

// A row with "conversations": [{"from": "human" | "gpt" | "system" | ..., "value": TEXT}, ...], as
// ShareGPT exports have it, also with "role" and "content"; an optional "system" and "tools" beside
// it.
absl::StatusOr<Conversation> ParseShareGpt(const nlohmann::ordered_json& row);

}  // namespace hone
