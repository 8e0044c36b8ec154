// POST /v1/responses, checked, and as the chat completion that answers it.
#pragma once

#include <string>
#include <vector>

#include "base/status.h"
#include "nlohmann/json.hpp"

namespace hone::server {

inline constexpr size_t kMaxResponseItems = 4096;  // of one request

struct ResponseRequest {
    using Json = nlohmann::ordered_json;

    std::string model;
    std::string previous;  // previous_response_id; empty: none
    bool stream = false, store = true, logprobs = false;
    Json metadata;  // an object or null
    Json items;     // the input as items with ids, as input_items lists them
    std::string instructions;
    Json chat;   // the body of the chat completion, without its messages
    Json shown;  // the fields that the response repeats
};

// Errors are RequestError's. Tools that OpenAI hosts are refused by name.
absl::StatusOr<ResponseRequest> ReadResponseRequest(const nlohmann::ordered_json& body);

// The messages of a chat completion: the instructions, then what the items say. A call joins the
// assistant's message before it.
nlohmann::ordered_json ChatMessages(const std::string& instructions,
                                    const nlohmann::ordered_json& items);

}  // namespace hone::server
