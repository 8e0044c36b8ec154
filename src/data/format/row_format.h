// Rows of a data file as conversations, texts or tokens: which format they have, and the
// conversion.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"
#include "data/options.h"
#include "nlohmann/json.hpp"

namespace hone {

inline constexpr size_t kMaxMessages = 1024;  // messages of one conversation

// Messages in the form that chat templates take: roles "system", "developer", "user", "assistant",
// "tool"; content is a string (parts joined); tool_calls' arguments are as the row has them, a
// string of JSON or an object; no "weight".
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

// A piece of a text, and whether it carries loss.
struct TextPart {
    std::string text;
    bool trained = true;
};

// A word of a text, and what it is.
struct LabelledWord {
    size_t begin = 0, end = 0;  // bytes of the text; equal where the word is blank
    std::string tag;            // "B-PER"
};

// One row, converted.
struct DataRow {
    enum class Kind { kConversation, kText, kTokens, kLabelled, kTextPair };
    Kind kind = Kind::kText;
    Conversation conversation;  // kConversation
    // kText: they stand one behind the other; kLabelled: one; kTextPair: two.
    std::vector<TextPart> parts;
    std::vector<int32_t> input_ids;  // kTokens
    std::vector<float> weights;      // kTokens: [input_ids.size()]
    // Of a pair: the one row with the answer that is not preferred.
    std::vector<DataRow> other;
    bool undesired = false;  // the answer was judged bad
    // kLabelled: what the text is, or what its words are.
    std::vector<std::string> labels;
    std::vector<LabelledWord> words;
    float score = 0;  // kTextPair: how alike they are, 0 to 1
};

// \n, \t, \r and \\ as what they are in C, for shells pass them on as two characters; other
// backslashes stay.
std::string Unescape(std::string_view text);

// "... {field} ... [[{answer}]]": {field} is replaced by the row's field (a string as it is,
// anything else as JSON). What stands in [[ ]] is trained, the rest is not; without them everything
// is. {{ and }} are literal braces, \[ and \] brackets; \n, \t, \r and \\ are read as Unescape
// reads them.
class TextTemplate {
  public:
    static absl::StatusOr<TextTemplate> Parse(std::string_view source);
    // An error names the missing field and those that the row has. A row without an answer is one:
    // a field in [[ ]] that is empty, or without [[ ]] the field that ends the text.
    absl::StatusOr<std::vector<TextPart>> Fill(const nlohmann::ordered_json& row) const;
    std::vector<std::string> fields() const;
    // The part before the answer, as a template again: "Q: {question}\nA:" for "Q: {question}\nA:
    // {answer}" and for "Q: {question}\nA: [[{answer}]]". It ends before the trained part, or
    // before the last field; where no field comes before that, it ends after the first one. Spaces
    // at its end are left out, because tokenizers join them to the answer's first word.
    std::string Head() const;
    // The template with `prompt` in place of its one field; an error where it has several.
    absl::StatusOr<std::string> FillPrompt(std::string_view prompt) const;

  private:
    class Parser;
    struct Item {
        bool is_field = false;
        bool trained = false;
        std::string text;  // the field's name, or the literal
    };
    std::vector<Item> items_;
    bool marked_ = false;  // it has [[ ]]
};

enum class RowFormat {
    kMessages,          // messages [, tools, functions, system]
    kPromptCompletion,  // prompt, completion: strings or lists of messages
    kInstruction,       // instruction [, input], output [, system, history]
    kInputOutput,       // input, output [, system, history]
    kShareGpt,          // conversations: from, value
    kTextLabel,         // text, label
    kText,              // text
    kInputIds,          // input_ids [, labels, attention_mask]
    kPreference,        // prompt, chosen, rejected: preference.h
    kOpenAiPreference,  // input, preferred_output, non_preferred_output
    kLabelledText,      // text, label; labelled_row.h
    kLabelledWords,     // tokens, tags
    kLabelledSpans,     // text, spans
    kScoredPair,        // text_a, text_b, label; text_pair.h
    kAlikePair,         // text_a, text_b
    kTextField,         // --text_field
    kTextTemplate       // --text_template
};

// "chat messages", "prompt and completion", ...
std::string_view RowFormatName(RowFormat format);

struct RowFormatOptions {
    std::vector<std::pair<std::string, std::string>> columns;  // --columns
    std::string text_template;
    std::string text_field;
    std::vector<std::string> label_names;  // of labels that are numbers: that of 0, of 1, ...
    std::optional<bool> use_chat_template;
    bool model_has_template =
        false;  // decides for instruction, input/output and text/label rows when that is unset
    std::optional<RowKind> kind = RowKind::kPlain;  // DataOptions::row_kind
    std::string kind_flag;
    LabelOptions labels;  // DataOptions::labels
};

// The format of all rows of a data set, found from its first good row. Immutable, safe to use from
// many threads.
class RowConverter {
  public:
    // By the fields' names, else by columns that people call so (row_columns.h). An error names the
    // fields that the row has and the formats that exist.
    static absl::StatusOr<RowConverter> Detect(const nlohmann::ordered_json& first_row,
                                               const RowFormatOptions& options);
    // An error is the reason why this row is bad.
    absl::StatusOr<DataRow> Convert(const nlohmann::ordered_json& row) const;
    RowFormat format() const { return format_; }
    RowKind kind() const { return kind_; }
    // Of rows of prompt and completion those do that are lists of messages.
    bool uses_chat_template() const { return chat_ || lists_; }
    // Names the labels that are numbers where the options name none; the column that holds them, of
    // rows of text and label.
    void NameLabels(std::vector<std::string> names) { label_names_ = std::move(names); }
    std::optional<std::string> label_column() const;
    // The columns that stand for fields under another name, {"prompt", "Question"}.
    const std::vector<std::pair<std::string, std::string>>& columns() const { return columns_; }
    // The fields of a row that are not null and not used.
    std::vector<std::string> UnusedColumns(const nlohmann::ordered_json& row) const;
    // How to write a prompt for a model that was trained on these rows: a text template whose field
    // is the prompt. "" for rows that went through the chat template or came as token ids.
    std::string PromptTemplate() const;

  private:
    RowConverter() = default;
    absl::Status SetTemplate(const RowFormatOptions& options);
    absl::Status FindFormat(const nlohmann::ordered_json& first_row,
                            const RowFormatOptions& options);
    absl::Status FindLabelled(const nlohmann::ordered_json& row, const RowFormatOptions& options);
    // columns_ and the optional ones of this row, which the first one need not have.
    std::vector<std::pair<std::string, std::string>> RowColumns(
        const nlohmann::ordered_json& row) const;
    absl::StatusOr<DataRow> ConvertFields(const nlohmann::ordered_json& row) const;
    absl::StatusOr<DataRow> ConvertPreference(const nlohmann::ordered_json& row) const;
    RowFormat format_ = RowFormat::kText;
    std::vector<std::string> label_names_;
    RowKind kind_ = RowKind::kPlain;
    LabelOptions labels_;
    bool chat_ = false;     // rows become conversations
    bool lists_ = false;    // prompt and completion that are messages, in the first row
    bool guessed_ = false;  // columns_ are known by their names, not said
    std::vector<std::pair<std::string, std::string>> columns_;
    std::vector<std::string> fields_;  // that are read
    std::string text_field_;
    std::optional<TextTemplate> template_;
};

// A hash of a row's content: the same whatever the order of its fields or its spelling in the file.
uint64_t RowHash(const nlohmann::ordered_json& row);

}  // namespace hone
