// Bodies of requests to the OpenAI API's inference routes, checked and read: every field of the
// reference is known, has its type and range, and is either used, of no effect by its nature (a
// label), or refused by name.
//
// Of no effect: user, metadata and store (which the server reads), safety_identifier,
// prompt_cache_key, prompt_cache_retention, service_tier (auto and default),
// stream_options.include_obfuscation, verbosity medium, reasoning_effort none, modalities ["text"].
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/status.h"
#include "data/format/row_format.h"
#include "infer/logit_processor.h"
#include "nlohmann/json.hpp"

namespace hone {

inline constexpr int64_t kMaxChoices = 128;  // n, times the prompts
inline constexpr size_t kMaxStops = 4;
inline constexpr size_t kMaxStopBytes = 1024;  // of one stop string
inline constexpr size_t kMaxTools = 128;
inline constexpr size_t kMaxLogitBias = 1024;              // tokens
inline constexpr size_t kMaxNameLength = 64;               // of a function or schema
inline constexpr size_t kMaxInputs = 2048;                 // prompts or inputs in one request
inline constexpr size_t kMaxTextBytes = size_t{16} << 20;  // of one text

// What completions and chat completions have in common.
struct DrawFields {
    std::optional<double> temperature, top_p;
    std::optional<double> frequency_penalty, presence_penalty;
    std::optional<int64_t> seed;
    std::optional<int64_t> max_tokens;
    LogitBias logit_bias;
    std::vector<std::string> stop;
    int64_t n = 1;
    bool stream = false, include_usage = false;
};

struct ResponseFormat {
    enum class Kind { kText, kJsonObject, kJsonSchema };
    Kind kind = Kind::kText;
    std::string name;
    nlohmann::ordered_json schema;  // kJsonSchema: an object
    bool strict = false;
};

struct FunctionTool {
    std::string name;
    nlohmann::ordered_json parameters;  // a JSON schema; null: no arguments
    bool strict = false;
};

struct ToolChoice {
    enum class Kind { kNone, kAuto, kRequired, kNamed };
    Kind kind = Kind::kNone;
    std::string name;  // kNamed
};

struct ChatRequest : DrawFields {
    Conversation conversation;  // with the tools as the chat template gets them
    bool logprobs = false;
    int64_t top_logprobs = 0;
    ResponseFormat format;
    std::vector<FunctionTool> tools;
    ToolChoice tool_choice;
    bool parallel_tool_calls = true;
};

using TextOrTokens = std::variant<std::string, std::vector<int32_t>>;

struct CompletionRequest : DrawFields {
    std::vector<TextOrTokens> prompts;
    std::optional<int64_t> logprobs;
    bool echo = false;
};

struct EmbeddingRequest {
    std::vector<TextOrTokens> inputs;   // none of them empty
    bool base64 = false;                // embeddings as the base64 of their floats
    std::optional<int64_t> dimensions;  // so many of the first numbers
};

// Each: an error of RequestError.
absl::StatusOr<ChatRequest> ReadChatRequest(const nlohmann::ordered_json& body);
absl::StatusOr<CompletionRequest> ReadCompletionRequest(const nlohmann::ordered_json& body);
absl::StatusOr<EmbeddingRequest> ReadEmbeddingRequest(const nlohmann::ordered_json& body);

}  // namespace hone
