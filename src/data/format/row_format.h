// Rows of a data file as conversations, texts or tokens: which format they have, and the
// conversion.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "nlohmann/json.hpp"

namespace hone {

inline constexpr size_t kMaxMessages = 1024;  // messages of one conversation

// Messages in the form that chat templates take: roles "system", "developer", "user", "assistant",
// "tool"; content is a string (parts joined); tool_calls' arguments are objects; no "weight".
struct Conversation {
    nlohmann::ordered_json messages = nlohmann::ordered_json::array();
    nlohmann::ordered_json tools;  // array, or null
    std::vector<float>
        weights;  // [messages.size()] loss weight of each message; 0 for all but assistants
};

// Checks and converts an array of OpenAI-style messages. The error names the message (from 1) and
// the field.
absl::StatusOr<Conversation> ParseMessages(const nlohmann::ordered_json& messages,
                                           const nlohmann::ordered_json& tools = nullptr);

// One row, converted.
struct DataRow {
    enum class Kind { kConversation, kCompletion, kText, kTokens };
    Kind kind = Kind::kText;
    Conversation conversation;       // kConversation
    std::string prompt;              // kCompletion
    std::string text;                // kCompletion: the completion; kText: the text
    std::vector<int32_t> input_ids;  // kTokens
    std::vector<float> weights;      // kTokens: [input_ids.size()]
};

// "... {field} ...": {field} is replaced by the row's field (a string as it is, anything else as
// JSON); {{ and }} are literal braces; \n, \t, \r and \\ are what they are in C, for shells pass
// them on as two characters.
class TextTemplate {
  public:
    static absl::StatusOr<TextTemplate> Parse(std::string_view source);
    // An error names the missing field and those that the row has.
    absl::StatusOr<std::string> Fill(const nlohmann::ordered_json& row) const;
    const std::vector<std::string>& fields() const { return fields_; }

  private:
    std::vector<std::string> literals_;  // fields_.size() + 1
    std::vector<std::string> fields_;
};

enum class RowFormat {
    kMessages,          // messages [, tools]
    kPromptCompletion,  // prompt, completion: strings or lists of messages
    kInstruction,       // instruction [, input], output
    kInputOutput,       // input, output
    kShareGpt,          // conversations: from, value
    kText,              // text
    kInputIds,          // input_ids [, labels, attention_mask]
    kTextField,         // --text_field
    kTextTemplate       // --text_template
};

// "chat messages", "prompt and completion", ...
std::string_view RowFormatName(RowFormat format);

struct RowFormatOptions {
    std::string text_template;
    std::string text_field;
    std::optional<bool> use_chat_template;
    bool model_has_template =
        false;  // decides for instruction and input/output rows when use_chat_template is unset
};

// The format of all rows of a data set, found from its first good row. Immutable, safe to use from
// many threads.
class RowConverter {
  public:
    // An error names the fields that the row has and the formats that exist.
    static absl::StatusOr<RowConverter> Detect(const nlohmann::ordered_json& first_row,
                                               const RowFormatOptions& options);
    // An error is the reason why this row is bad.
    absl::StatusOr<DataRow> Convert(const nlohmann::ordered_json& row) const;
    RowFormat format() const { return format_; }
    bool uses_chat_template() const { return chat_; }

  private:
    RowConverter() = default;
    RowFormat format_ = RowFormat::kText;
    bool chat_ = false;  // rows become conversations
    std::string text_field_;
    std::optional<TextTemplate> template_;
};

// A hash of a row's content: the same whatever the order of its fields or its spelling in the file.
uint64_t RowHash(const nlohmann::ordered_json& row);

}  // namespace hone
