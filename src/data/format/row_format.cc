#include "data/format/row_format.h"

#include <algorithm>
#include <cmath>

#include "base/hash.h"
#include "data/format/messages.h"

namespace hone {
namespace {

using nlohmann::ordered_json;

// "a, b and c", at most 12 of them.
std::string FieldList(const ordered_json& row) {
    std::string list;
    size_t count = 0;
    for (const auto& [name, value] : row.items()) {
        if (++count > 12) return list + ", ...";
        list += (list.empty() ? "" : ", ") + name;
    }
    return list.empty() ? "no field" : list;
}

const ordered_json* Find(const ordered_json& row, std::string_view name) {
    const auto found = row.find(std::string(name));
    return found == row.end() ? nullptr : &*found;
}

bool Has(const ordered_json& row, std::string_view name) {
    const ordered_json* value = Find(row, name);
    return value != nullptr && !value->is_null();
}

absl::StatusOr<std::string> StringField(const ordered_json& row, std::string_view name) {
    const ordered_json* value = Find(row, name);
    if (value == nullptr)
        return DataError("\"{}\" is missing (the row has {})", name, FieldList(row));
    if (!value->is_string())
        return DataError("\"{}\" must be a string, not {}", name, value->type_name());
    return value->get<std::string>();
}

// The field, or "" where it is missing or null.
absl::StatusOr<std::string> OptionalField(const ordered_json& row, std::string_view name) {
    return Has(row, name) ? StringField(row, name) : std::string();
}

ordered_json Message(std::string_view role, std::string content) {
    return {{"role", role}, {"content", std::move(content)}};
}

// A question and its answer as a chat; `system` may be empty.
DataRow Chat(const std::string& system, std::string question, std::string answer) {
    DataRow row;
    row.kind = DataRow::Kind::kConversation;
    if (!system.empty()) {
        row.conversation.messages.push_back(Message("system", system));
        row.conversation.weights.push_back(0);
    }
    row.conversation.messages.push_back(Message("user", std::move(question)));
    row.conversation.messages.push_back(Message("assistant", std::move(answer)));
    row.conversation.weights.insert(row.conversation.weights.end(), {0, 1});
    return row;
}

DataRow Completion(std::string prompt, std::string completion) {
    DataRow row;
    row.kind = DataRow::Kind::kCompletion;
    row.prompt = std::move(prompt);
    row.text = std::move(completion);
    return row;
}

absl::StatusOr<DataRow> Text(std::string text) {
    if (text.empty()) return DataError("the text is empty");
    DataRow row;
    row.kind = DataRow::Kind::kText;
    row.text = std::move(text);
    return row;
}

absl::StatusOr<DataRow> ConversationRow(Conversation conversation) {
    if (std::none_of(conversation.messages.begin(), conversation.messages.end(),
                     [](const ordered_json& message) { return message["role"] == "assistant"; }))
        return DataError("no message of the assistant: there is nothing to learn");
    DataRow row;
    row.kind = DataRow::Kind::kConversation;
    row.conversation = std::move(conversation);
    return row;
}

absl::StatusOr<DataRow> ConvertMessages(const ordered_json& row, std::string_view field) {
    const ordered_json* messages = Find(row, field);
    if (messages == nullptr)
        return DataError("\"{}\" is missing (the row has {})", field, FieldList(row));
    const ordered_json* tools = Find(row, "tools");
    HONE_ASSIGN_OR_RETURN(
        Conversation conversation,
        ParseMessages(*messages, tools != nullptr ? *tools : ordered_json(nullptr)));
    return ConversationRow(std::move(conversation));
}

// prompt and completion, each a string or a list of messages. Only the completion is trained.
absl::StatusOr<DataRow> ConvertPromptCompletion(const ordered_json& row, bool chat) {
    const ordered_json* prompt = Find(row, "prompt");
    const ordered_json* completion = Find(row, "completion");
    const bool lists = (prompt != nullptr && prompt->is_array()) ||
                       (completion != nullptr && completion->is_array());
    if (!lists) {
        HONE_ASSIGN_OR_RETURN(std::string question, StringField(row, "prompt"));
        HONE_ASSIGN_OR_RETURN(std::string answer, StringField(row, "completion"));
        if (answer.empty()) return DataError("\"completion\" is empty: there is nothing to learn");
        return chat ? Chat("", std::move(question), std::move(answer))
                    : Completion(std::move(question), std::move(answer));
    }
    auto as_list = [](const ordered_json* value, std::string_view name,
                      std::string_view role) -> absl::StatusOr<ordered_json> {
        if (value == nullptr) return DataError("\"{}\" is missing", name);
        if (value->is_array()) return *value;
        if (value->is_string())
            return ordered_json::array({Message(role, value->get<std::string>())});
        return DataError("\"{}\" must be a string or a list of messages, not {}", name,
                         value->type_name());
    };
    HONE_ASSIGN_OR_RETURN(ordered_json messages, as_list(prompt, "prompt", "user"));
    HONE_ASSIGN_OR_RETURN(ordered_json answers, as_list(completion, "completion", "assistant"));
    const size_t prompt_size = messages.size();
    for (ordered_json& answer : answers) messages.push_back(std::move(answer));
    const ordered_json* tools = Find(row, "tools");
    HONE_ASSIGN_OR_RETURN(
        Conversation conversation,
        ParseMessages(messages, tools != nullptr ? *tools : ordered_json(nullptr)));
    std::fill_n(conversation.weights.begin(), prompt_size, 0.0f);
    if (std::none_of(conversation.messages.begin() + static_cast<int64_t>(prompt_size),
                     conversation.messages.end(),
                     [](const ordered_json& message) { return message["role"] == "assistant"; }))
        return DataError("\"completion\" holds no message of the assistant");
    return ConversationRow(std::move(conversation));
}

// The wording of Stanford Alpaca's data, which models without a chat template are usually given.
std::string AlpacaPrompt(const std::string& instruction, const std::string& input) {
    std::string prompt = "### Instruction:\n" + instruction + "\n\n";
    if (!input.empty()) prompt += "### Input:\n" + input + "\n\n";
    return prompt + "### Response:\n";
}

absl::StatusOr<DataRow> ConvertPair(const ordered_json& row, bool instruction, bool chat) {
    HONE_ASSIGN_OR_RETURN(std::string system, OptionalField(row, "system"));
    HONE_ASSIGN_OR_RETURN(std::string answer, StringField(row, "output"));
    if (answer.empty()) return DataError("\"output\" is empty: there is nothing to learn");
    if (!instruction) {
        HONE_ASSIGN_OR_RETURN(std::string input, StringField(row, "input"));
        if (chat) return Chat(system, std::move(input), std::move(answer));
        return Completion(std::move(input) + "\n", std::move(answer));
    }
    HONE_ASSIGN_OR_RETURN(std::string question, StringField(row, "instruction"));
    HONE_ASSIGN_OR_RETURN(std::string input, OptionalField(row, "input"));
    if (!chat) return Completion(AlpacaPrompt(question, input), std::move(answer));
    if (!input.empty()) question += "\n\n" + input;
    return Chat(system, std::move(question), std::move(answer));
}

// Ids as integers within int32.
absl::StatusOr<std::vector<int64_t>> Integers(const ordered_json& row, std::string_view name) {
    const ordered_json* list = Find(row, name);
    if (list == nullptr || !list->is_array())
        return DataError("\"{}\" must be a list of integers", name);
    std::vector<int64_t> values;
    values.reserve(list->size());
    for (const ordered_json& value : *list) {
        const bool fits = value.is_number_integer() &&
                          (value.is_number_unsigned() ? value.get<uint64_t>() <= INT32_MAX
                                                      : std::abs(value.get<double>()) <= INT32_MAX);
        if (!fits)
            return DataError(
                "\"{}\" must hold integers; item {} is {}", name, values.size() + 1,
                value.dump(-1, ' ', false, ordered_json::error_handler_t::replace).substr(0, 40));
        values.push_back(value.get<int64_t>());
    }
    return values;
}

absl::StatusOr<DataRow> ConvertInputIds(const ordered_json& row) {
    HONE_ASSIGN_OR_RETURN(std::vector<int64_t> ids, Integers(row, "input_ids"));
    std::vector<int64_t> labels, mask;
    if (Has(row, "labels")) {
        HONE_ASSIGN_OR_RETURN(labels, Integers(row, "labels"));
        if (labels.size() != ids.size())
            return DataError("{} labels for {} input_ids", labels.size(), ids.size());
    }
    if (Has(row, "attention_mask")) {
        HONE_ASSIGN_OR_RETURN(mask, Integers(row, "attention_mask"));
        if (mask.size() != ids.size())
            return DataError("{} values of attention_mask for {} input_ids", mask.size(),
                             ids.size());
    }
    DataRow result;
    result.kind = DataRow::Kind::kTokens;
    for (size_t i = 0; i < ids.size(); ++i) {
        if (!mask.empty() && mask[i] != 0 && mask[i] != 1)
            return DataError("attention_mask must hold 0 and 1; item {} is {}", i + 1, mask[i]);
        if (!mask.empty() && mask[i] == 0) continue;  // padding
        if (ids[i] < 0) return DataError("input_ids item {} is negative", i + 1);
        if (!labels.empty() && labels[i] != -100 && labels[i] != ids[i])
            return DataError("label {} is {}, which is neither -100 nor the input id {}", i + 1,
                             labels[i], ids[i]);
        result.input_ids.push_back(static_cast<int32_t>(ids[i]));
        result.weights.push_back(!labels.empty() && labels[i] == -100 ? 0.0f : 1.0f);
    }
    if (result.input_ids.empty()) return DataError("input_ids is empty");
    return result;
}

}  // namespace

std::string_view RowFormatName(RowFormat format) {
    switch (format) {
        case RowFormat::kMessages:
            return "chat messages";
        case RowFormat::kPromptCompletion:
            return "prompt and completion";
        case RowFormat::kInstruction:
            return "instruction, input and output";
        case RowFormat::kInputOutput:
            return "input and output";
        case RowFormat::kShareGpt:
            return "ShareGPT conversations";
        case RowFormat::kText:
            return "plain text";
        case RowFormat::kInputIds:
            return "token ids";
        case RowFormat::kTextField:
            return "text field";
        case RowFormat::kTextTemplate:
            return "text template";
    }
    return "";
}

absl::StatusOr<RowConverter> RowConverter::Detect(const ordered_json& first_row,
                                                  const RowFormatOptions& options) {
    RowConverter converter;
    const bool forced = options.use_chat_template.value_or(false);
    if (!options.text_template.empty() && !options.text_field.empty())
        return UsageError("--text_template and --text_field exclude each other");
    if (!options.text_template.empty() || !options.text_field.empty()) {
        if (forced)
            return UsageError(
                "--use_chat_template excludes --text_template and --text_field: a template says "
                "the whole text itself");
        converter.format_ =
            options.text_field.empty() ? RowFormat::kTextTemplate : RowFormat::kTextField;
        converter.text_field_ = options.text_field;
        if (options.text_field.empty()) {
            HONE_ASSIGN_OR_RETURN(converter.template_, TextTemplate::Parse(options.text_template));
        }
        return converter;
    }
    const ordered_json& row = first_row;
    if (Has(row, "messages")) {
        converter.format_ = RowFormat::kMessages;
    } else if (Has(row, "conversations")) {
        converter.format_ = RowFormat::kShareGpt;
    } else if (Has(row, "prompt") && Has(row, "completion")) {
        converter.format_ = RowFormat::kPromptCompletion;
    } else if (Has(row, "instruction") && Has(row, "output")) {
        converter.format_ = RowFormat::kInstruction;
    } else if (Has(row, "input") && Has(row, "output")) {
        converter.format_ = RowFormat::kInputOutput;
    } else if (Has(row, "input_ids")) {
        converter.format_ = RowFormat::kInputIds;
    } else if (Has(row, "text")) {
        converter.format_ = RowFormat::kText;
    } else {
        return DataError(
            "cannot tell the format of the rows: the first one has {}. Known are messages; prompt "
            "and completion; instruction and output; input and output; conversations; text; "
            "input_ids. For other columns say --text_field NAME or --text_template \"... {{NAME}} "
            "...\"",
            FieldList(row));
    }
    const RowFormat format = converter.format_;
    const bool is_chat = format == RowFormat::kMessages || format == RowFormat::kShareGpt;
    const bool is_pair = format == RowFormat::kInstruction || format == RowFormat::kInputOutput;
    if (is_chat && !options.use_chat_template.value_or(true))
        return UsageError(
            "--use_chat_template false, but the rows are {}: they have no text without a chat "
            "template (use --text_template for other columns)",
            RowFormatName(format));
    if (forced && (format == RowFormat::kText || format == RowFormat::kInputIds))
        return UsageError(
            "--use_chat_template, but the rows are {}: a chat template needs messages or pairs of "
            "question and answer",
            RowFormatName(format));
    converter.chat_ = forced || is_chat ||
                      (is_pair && options.use_chat_template.value_or(options.model_has_template));
    return converter;
}

absl::StatusOr<DataRow> RowConverter::Convert(const ordered_json& row) const {
    switch (format_) {
        case RowFormat::kMessages:
            return ConvertMessages(row, "messages");
        case RowFormat::kShareGpt: {
            HONE_ASSIGN_OR_RETURN(Conversation conversation, ParseShareGpt(row));
            return ConversationRow(std::move(conversation));
        }
        case RowFormat::kPromptCompletion:
            return ConvertPromptCompletion(row, chat_);
        case RowFormat::kInstruction:
        case RowFormat::kInputOutput:
            return ConvertPair(row, format_ == RowFormat::kInstruction, chat_);
        case RowFormat::kInputIds:
            return ConvertInputIds(row);
        case RowFormat::kText: {
            HONE_ASSIGN_OR_RETURN(std::string text, StringField(row, "text"));
            return Text(std::move(text));
        }
        case RowFormat::kTextField: {
            HONE_ASSIGN_OR_RETURN(std::string text, StringField(row, text_field_));
            return Text(std::move(text));
        }
        case RowFormat::kTextTemplate: {
            HONE_ASSIGN_OR_RETURN(std::string text, template_->Fill(row));
            return Text(std::move(text));
        }
    }
    return DataError("unknown row format");
}

uint64_t RowHash(const ordered_json& row) {
    switch (row.type()) {
        case ordered_json::value_t::object: {
            // A sum does not depend on the order of the members.
            uint64_t sum = 0;
            for (const auto& [name, value] : row.items()) {
                const uint64_t hash = RowHash(value);
                sum += StableHash(name, hash);
            }
            return StableHash("{", sum);
        }
        case ordered_json::value_t::array: {
            uint64_t hash = 0;
            for (const ordered_json& value : row) {
                const uint64_t part = RowHash(value);
                hash = StableHash({reinterpret_cast<const char*>(&part), sizeof part}, hash);
            }
            return StableHash("[", hash);
        }
        case ordered_json::value_t::string:
            return StableHash(row.get_ref<const std::string&>(), 1);
        default:
            return StableHash(row.dump(), 2);
    }
}

}  // namespace hone
