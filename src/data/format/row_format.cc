#include "data/format/row_format.h"

#include <algorithm>
#include <cmath>

#include "base/files/hash.h"
#include "base/text/text.h"
#include "base/text/text_value.h"
#include "data/format/labelled_row.h"
#include "data/format/messages.h"
#include "data/format/preference.h"
#include "data/format/row_columns.h"
#include "data/format/text_pair.h"

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
    return HasField(row, name) ? StringField(row, name) : std::string();
}

ordered_json Message(std::string_view role, std::string content) {
    return {{"role", role}, {"content", std::move(content)}};
}

void AddTurn(std::string_view role, std::string content, float weight, Conversation* conversation) {
    conversation->messages.push_back(Message(role, std::move(content)));
    conversation->weights.push_back(weight);
}

// Questions and their answers.
using History = std::vector<std::pair<std::string, std::string>>;

// A question and its answer as a chat, behind earlier ones; `system` may be empty.
DataRow Chat(const std::string& system, History history, std::string question, std::string answer) {
    DataRow row;
    row.kind = DataRow::Kind::kConversation;
    if (!system.empty()) AddTurn("system", system, 0, &row.conversation);
    history.emplace_back(std::move(question), std::move(answer));
    for (auto& [asked, answered] : history) {
        AddTurn("user", std::move(asked), 0, &row.conversation);
        AddTurn("assistant", std::move(answered), 1, &row.conversation);
    }
    return row;
}

DataRow Text(std::vector<TextPart> parts) {
    DataRow row;
    row.kind = DataRow::Kind::kText;
    row.parts = std::move(parts);
    return row;
}

DataRow Completion(std::string prompt, std::string completion) {
    std::vector<TextPart> parts;
    if (!prompt.empty()) parts.push_back({std::move(prompt), false});
    parts.push_back({std::move(completion), true});
    return Text(std::move(parts));
}

absl::StatusOr<DataRow> WholeText(const ordered_json& row, std::string_view name) {
    HONE_ASSIGN_OR_RETURN(std::string text, StringField(row, name));
    if (IsBlank(text)) return DataError("the text is empty");
    return Text({{std::move(text), true}});
}

// An answer that may not be empty; `shown` is what the file calls it.
absl::StatusOr<std::string> AnswerField(const ordered_json& row, std::string_view name,
                                        std::string_view shown = "") {
    HONE_ASSIGN_OR_RETURN(std::string answer, StringField(row, name));
    if (IsBlank(answer))
        return DataError("\"{}\" is empty: there is nothing to learn",
                         shown.empty() ? name : shown);
    return answer;
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

// prompt and completion, each a string or a list of messages. Only the completion is trained;
// `answer_name` is what the file calls it.
absl::StatusOr<DataRow> ConvertPromptCompletion(const ordered_json& row, bool chat,
                                                std::string_view answer_name = "completion") {
    const ordered_json* prompt = Find(row, "prompt");
    const ordered_json* completion = Find(row, "completion");
    const bool lists = (prompt != nullptr && prompt->is_array()) ||
                       (completion != nullptr && completion->is_array());
    if (!lists) {
        HONE_ASSIGN_OR_RETURN(std::string question, StringField(row, "prompt"));
        HONE_ASSIGN_OR_RETURN(std::string answer, AnswerField(row, "completion", answer_name));
        if (!chat) return Completion(std::move(question), std::move(answer));
        HONE_ASSIGN_OR_RETURN(std::string system, OptionalField(row, "system"));
        return Chat(system, {}, std::move(question), std::move(answer));
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
    HONE_ASSIGN_OR_RETURN(ordered_json answers, as_list(completion, answer_name, "assistant"));
    const size_t completion_size = answers.size();
    for (ordered_json& answer : answers) messages.push_back(std::move(answer));
    ordered_json whole = {{"messages", std::move(messages)}};
    for (const char* name : {"tools", "functions", "system"})
        if (const ordered_json* value = Find(row, name)) whole[name] = *value;
    auto parsed = ParseMessagesRow(whole);
    if (!parsed.ok() && answer_name != "completion")
        return Annotate(parsed.status(), fmt::format("with \"{}\"", answer_name));
    HONE_ASSIGN_OR_RETURN(Conversation conversation, std::move(parsed));
    // A system text of the row's own may stand in front of the prompt.
    const size_t answers_size = conversation.messages.size() - completion_size;
    std::fill_n(conversation.weights.begin(), answers_size, 0.0f);
    if (std::none_of(conversation.messages.begin() + static_cast<int64_t>(answers_size),
                     conversation.messages.end(),
                     [](const ordered_json& message) { return message["role"] == "assistant"; }))
        return DataError("\"{}\" holds no message of the assistant", answer_name);
    return ConversationRow(std::move(conversation));
}

// The wording of Stanford Alpaca's data, which models without a chat template are usually given.
std::string AlpacaPrompt(const std::string& instruction, const std::string& input) {
    std::string prompt = "### Instruction:\n" + instruction + "\n\n";
    if (!input.empty()) prompt += "### Input:\n" + input + "\n\n";
    return prompt + "### Response:\n";
}

// [[question, answer], ...], as Alpaca's kin and ms-swift have it; also as a text of JSON.
absl::StatusOr<History> ReadHistory(const ordered_json& row) {
    History history;
    if (!HasField(row, "history") || row["history"] == "") return history;
    ordered_json list = row["history"];
    if (list.is_string() && !ParseInnerJson(row["history"].get_ref<const std::string&>(), &list))
        return DataError("\"history\" is a string that is not JSON");
    auto is_turn = [](const ordered_json& turn) {
        return turn.is_array() && turn.size() == 2 && turn[0].is_string() && turn[1].is_string();
    };
    if (!list.is_array() || !std::all_of(list.begin(), list.end(), is_turn))
        return DataError("\"history\" must be a list of [question, answer]");
    if (list.size() > kMaxMessages / 2 - 2)
        return DataError("\"history\" has {} turns, more than {}", list.size(),
                         kMaxMessages / 2 - 2);
    for (const ordered_json& turn : list) history.emplace_back(turn[0], turn[1]);
    return history;
}

absl::StatusOr<DataRow> ConvertTextLabel(const ordered_json& row,
                                         const std::vector<std::string>& names, bool chat) {
    HONE_ASSIGN_OR_RETURN(std::string text, StringField(row, "text"));
    if (IsBlank(text)) return DataError("\"text\" is empty");
    const ordered_json* value = Find(row, "label");
    if (value == nullptr) return StringField(row, "label").status();
    HONE_ASSIGN_OR_RETURN(std::string label, LabelText(*value, "label", names));
    if (chat) return Chat("", {}, std::move(text), std::move(label));
    return Completion(text + "\n", std::move(label));
}

absl::StatusOr<DataRow> ConvertPair(const ordered_json& row, bool instruction, bool chat) {
    HONE_ASSIGN_OR_RETURN(std::string system, OptionalField(row, "system"));
    HONE_ASSIGN_OR_RETURN(std::string answer, AnswerField(row, "output"));
    HONE_ASSIGN_OR_RETURN(History history, ReadHistory(row));
    if (!chat && !history.empty())
        return DataError("\"history\" needs a chat template: --use_chat_template");
    if (!chat && !system.empty()) system += "\n\n";
    if (!instruction) {
        HONE_ASSIGN_OR_RETURN(std::string input, StringField(row, "input"));
        if (chat) return Chat(system, std::move(history), std::move(input), std::move(answer));
        return Completion(system + input + "\n", std::move(answer));
    }
    HONE_ASSIGN_OR_RETURN(std::string question, StringField(row, "instruction"));
    HONE_ASSIGN_OR_RETURN(std::string input, OptionalField(row, "input"));
    if (!chat) return Completion(system + AlpacaPrompt(question, input), std::move(answer));
    if (!input.empty()) question += "\n\n" + input;
    return Chat(system, std::move(history), std::move(question), std::move(answer));
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
    if (HasField(row, "labels")) {
        HONE_ASSIGN_OR_RETURN(labels, Integers(row, "labels"));
        if (labels.size() != ids.size())
            return DataError("{} labels for {} input_ids", labels.size(), ids.size());
    }
    if (HasField(row, "attention_mask")) {
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

absl::Status RowConverter::SetTemplate(const RowFormatOptions& options) {
    if (!options.text_template.empty() && !options.text_field.empty())
        return UsageError("--text_template and --text_field exclude each other");
    if (options.use_chat_template.value_or(false))
        return UsageError(
            "--use_chat_template excludes --text_template and --text_field: a template says the "
            "whole text itself");
    if (!options.columns.empty())
        return UsageError(
            "--columns excludes --text_template and --text_field: those name the columns "
            "themselves");
    format_ = options.text_field.empty() ? RowFormat::kTextTemplate : RowFormat::kTextField;
    text_field_ = options.text_field;
    fields_ = {text_field_};
    if (!options.text_field.empty()) return absl::OkStatus();
    HONE_ASSIGN_OR_RETURN(template_, TextTemplate::Parse(options.text_template));
    fields_ = template_->fields();
    return absl::OkStatus();
}

// Sets columns_ and format_.
absl::Status RowConverter::FindFormat(const ordered_json& first_row,
                                      const RowFormatOptions& options) {
    columns_ = options.columns;
    std::vector<std::string> names;
    for (const auto& [field, column] : columns_)
        if (!first_row.contains(column))
            return DataError("--columns {}={}: there is no such column; the row has {}", field,
                             column, FieldList(first_row));
    for (const auto& [name, value] : first_row.items()) names.push_back(name);
    const ordered_json row = RenameColumns(first_row, columns_, names);
    if (options.labels.kind != LabelKind::kNextToken) return FindLabelled(row, options);
    HONE_RETURN_IF_ERROR(RefuseTable(row));
    if (options.kind) HONE_RETURN_IF_ERROR(CheckRowKind(row, *options.kind, options.kind_flag));
    kind_ = KindOfRow(row, options.kind == RowKind::kJudged);
    if (kind_ == RowKind::kPairs) {
        format_ = IsOpenAiPair(row) ? RowFormat::kOpenAiPreference : RowFormat::kPreference;
        fields_ = FieldsOf(format_);
        if (columns_.empty()) columns_ = GuessPairColumns(row);
        return absl::OkStatus();
    }
    std::optional<RowFormat> format = FormatByFields(row);
    const bool text = format == RowFormat::kText || format == RowFormat::kTextLabel;
    if ((!format || text) && columns_.empty()) {
        const ColumnMap guess = text ? GuessTextAndAnswer(row) : GuessColumns(row);
        const bool same = std::all_of(guess.begin(), guess.end(), [](const auto& column) {
            return column.first == column.second;
        });
        if (!text || !same) {
            columns_ = guess;
            guessed_ = true;
            format = FormatByFields(RenameColumns(row, columns_, {}));
        }
    }
    if (!format)
        return DataError(
            "cannot tell the format of the rows: the first one has {}. Known are messages; prompt "
            "and completion; instruction and output; input and output; question and answer; "
            "document and summary; text and label; conversations; text; input_ids. For other "
            "columns say --columns "
            "prompt=NAME,completion=NAME, --text_field NAME or --text_template \"... {{NAME}} "
            "...\"",
            FieldList(first_row));
    format_ = *format;
    fields_ = FieldsOf(format_);
    if (kind_ == RowKind::kJudged) fields_.insert(fields_.end(), {"label", "kto_tag"});
    return absl::OkStatus();
}

// FindFormat of rows with labels; `row` has the columns under the names of --columns.
absl::Status RowConverter::FindLabelled(const ordered_json& row, const RowFormatOptions& options) {
    labels_ = options.labels;
    const bool guesses = columns_.empty();
    const bool pairs = labels_.kind == LabelKind::kPair;
    if (guesses)
        columns_ = pairs ? GuessTextPairColumns(row) : GuessLabelledColumns(row, labels_.kind);
    const ordered_json named =
        guesses && !columns_.empty() ? RenameColumns(row, columns_, {}) : row;
    const auto format = pairs ? TextPairFormat(named) : LabelledFormat(named, labels_.kind);
    const char* rows = "tokens and tags, or text and spans";
    const char* columns = "tokens=NAME,tags=NAME or text=NAME,spans=NAME";
    if (labels_.kind == LabelKind::kSequence) {
        rows = "text and label";
        columns = "text=NAME,label=NAME";
    } else if (pairs) {
        rows = "text_a, text_b and label, or of two texts alone";
        columns = "text_a=NAME,text_b=NAME,label=NAME";
    }
    if (!format)
        return DataError(
            "{} needs rows of {}; the first one has {}. Name the columns with --columns {}",
            labels_.flag, rows, FieldList(row), columns);
    format_ = *format;
    fields_ = FieldsOf(format_);
    return absl::OkStatus();
}

absl::StatusOr<RowConverter> RowConverter::Detect(const ordered_json& first_row,
                                                  const RowFormatOptions& options) {
    RowConverter converter;
    const bool labelled = options.labels.kind != LabelKind::kNextToken;
    if (labelled && !(options.text_template.empty() && options.text_field.empty() &&
                      !options.use_chat_template.value_or(false)))
        return UsageError(
            "{} takes the text as it stands: it excludes --text_template, --text_field and "
            "--use_chat_template; name the columns with --columns",
            options.labels.flag);
    if (!options.text_template.empty() || !options.text_field.empty()) {
        if (options.kind.value_or(RowKind::kPlain) != RowKind::kPlain)
            return UsageError(
                "{} excludes --text_template and --text_field: it learns from more than one text; "
                "name its columns with --columns prompt=NAME,chosen=NAME,...",
                options.kind_flag);
        HONE_RETURN_IF_ERROR(converter.SetTemplate(options));
        return converter;
    }
    HONE_RETURN_IF_ERROR(converter.FindFormat(first_row, options));
    const bool forced = options.use_chat_template.value_or(false);
    const RowFormat format = converter.format_;
    const bool is_chat = format == RowFormat::kMessages || format == RowFormat::kShareGpt ||
                         format == RowFormat::kOpenAiPreference;
    // A question and its answers under names that are not TRL's are no texts to be joined.
    const bool asked =
        format == RowFormat::kPreference && !converter.columns_.empty() && options.columns.empty();
    const bool is_pair = format == RowFormat::kInstruction || format == RowFormat::kInputOutput ||
                         format == RowFormat::kTextLabel || asked;
    if (!options.label_names.empty() && format != RowFormat::kTextLabel && !labelled)
        return UsageError(
            "--label_names is for rows of text and label; these are {} (--label_names \"\" names "
            "none)",
            RowFormatName(format));
    converter.label_names_ = options.label_names;
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
    if (format == RowFormat::kPromptCompletion) {
        const ordered_json row = RenameColumns(first_row, converter.columns_, converter.fields_);
        converter.lists_ = row["prompt"].is_array() || row["completion"].is_array();
    }
    if (format == RowFormat::kPreference) {
        const ordered_json row = RenameColumns(first_row, converter.columns_, converter.fields_);
        for (const char* field : {"prompt", "chosen", "rejected"})
            converter.lists_ = converter.lists_ || (row.contains(field) && row[field].is_array());
    }
    // Texts that are joined as they stand have no place for it.
    if ((format == RowFormat::kPromptCompletion || format == RowFormat::kPreference) &&
        !converter.uses_chat_template())
        std::erase_if(converter.fields_, [](const std::string& field) {
            return field == "tools" || field == "functions" || field == "system";
        });
    return converter;
}

std::string RowConverter::PromptTemplate() const {
    if (uses_chat_template()) return "";
    switch (format_) {
        case RowFormat::kPromptCompletion:
        case RowFormat::kPreference:
        case RowFormat::kText:
        case RowFormat::kTextField:
            return "{prompt}";
        case RowFormat::kInputOutput:
        case RowFormat::kTextLabel:
            return R"({prompt}\n)";
        case RowFormat::kInstruction:
            return R"(### Instruction:\n{prompt}\n\n### Response:\n)";  // AlpacaPrompt
        case RowFormat::kTextTemplate:
            return template_->Head();
        default:
            return "";
    }
}

std::optional<std::string> RowConverter::label_column() const {
    if (format_ != RowFormat::kTextLabel && format_ != RowFormat::kLabelledText)
        return std::nullopt;
    for (const auto& [field, column] : columns_)
        if (field == "label") return column;
    return "label";
}

ColumnMap RowConverter::RowColumns(const ordered_json& row) const {
    ColumnMap columns = columns_;
    if (guessed_) AddOptionalColumns(row, format_, &columns);
    return columns;
}

std::vector<std::string> RowConverter::UnusedColumns(const ordered_json& row) const {
    std::vector<std::string> unused;
    const ColumnMap columns = RowColumns(row);
    for (const auto& [name, value] : row.items()) {
        if (value.is_null()) continue;
        const bool mapped =
            std::any_of(columns.begin(), columns.end(),
                        [&name = name](const auto& pair) { return pair.second == name; });
        const bool shadowed =
            std::any_of(columns.begin(), columns.end(),
                        [&name = name](const auto& pair) { return pair.first == name; });
        const bool read = std::find(fields_.begin(), fields_.end(), name) != fields_.end();
        if (!mapped && (shadowed || !read)) unused.push_back(name);
    }
    return unused;
}

absl::StatusOr<DataRow> RowConverter::Convert(const ordered_json& row) const {
    for (const auto& [field, column] : columns_)
        if (!row.contains(column) && field != "system" && field != "tools" && field != "history" &&
            field != "input")
            return DataError("\"{}\" is missing (the row has {})", column, FieldList(row));
    ordered_json renamed;
    if (!columns_.empty()) renamed = RenameColumns(row, RowColumns(row), fields_);
    const ordered_json& fields = columns_.empty() ? row : renamed;
    HONE_ASSIGN_OR_RETURN(DataRow converted, ConvertFields(fields));
    if (kind_ != RowKind::kJudged) return converted;
    HONE_ASSIGN_OR_RETURN(const bool good, ReadLabel(fields));
    converted.undesired = !good;
    return converted;
}

absl::StatusOr<DataRow> RowConverter::ConvertPreference(const ordered_json& row) const {
    HONE_ASSIGN_OR_RETURN(const PairRows pair, SplitPair(row));
    HONE_ASSIGN_OR_RETURN(DataRow preferred,
                          ConvertPromptCompletion(pair.preferred, chat_, pair.preferred_name));
    HONE_ASSIGN_OR_RETURN(DataRow other,
                          ConvertPromptCompletion(pair.other, chat_, pair.other_name));
    const auto same_part = [](const TextPart& a, const TextPart& b) { return a.text == b.text; };
    if (preferred.conversation.messages == other.conversation.messages &&
        std::equal(preferred.parts.begin(), preferred.parts.end(), other.parts.begin(),
                   other.parts.end(), same_part))
        return DataError("\"{}\" and \"{}\" are the same: there is nothing to prefer",
                         pair.preferred_name, pair.other_name);
    preferred.other.push_back(std::move(other));
    return preferred;
}

absl::StatusOr<DataRow> RowConverter::ConvertFields(const ordered_json& row) const {
    switch (format_) {
        case RowFormat::kMessages:
        case RowFormat::kShareGpt: {
            const std::string& field = fields_[0];
            if (!row.contains(field))
                return DataError("\"{}\" is missing (the row has {})", field, FieldList(row));
            HONE_ASSIGN_OR_RETURN(Conversation conversation, format_ == RowFormat::kMessages
                                                                 ? ParseMessagesRow(row)
                                                                 : ParseShareGpt(row));
            return ConversationRow(std::move(conversation));
        }
        case RowFormat::kPromptCompletion:
            return ConvertPromptCompletion(row, chat_);
        case RowFormat::kInstruction:
        case RowFormat::kInputOutput:
            return ConvertPair(row, format_ == RowFormat::kInstruction, chat_);
        case RowFormat::kTextLabel:
            return ConvertTextLabel(row, label_names_, chat_);
        case RowFormat::kLabelledText:
            return ConvertLabelledText(row, labels_, label_names_);
        case RowFormat::kLabelledWords:
            return ConvertLabelledWords(row, label_names_);
        case RowFormat::kLabelledSpans:
            return ConvertLabelledSpans(row);
        case RowFormat::kScoredPair:
        case RowFormat::kAlikePair:
            return ConvertTextPair(row, format_, labels_.max_score);
        case RowFormat::kInputIds:
            return ConvertInputIds(row);
        case RowFormat::kText:
            return WholeText(row, "text");
        case RowFormat::kPreference:
        case RowFormat::kOpenAiPreference:
            return ConvertPreference(row);
        case RowFormat::kTextField:
            return WholeText(row, text_field_);
        case RowFormat::kTextTemplate: {
            HONE_ASSIGN_OR_RETURN(std::vector<TextPart> parts, template_->Fill(row));
            return Text(std::move(parts));
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
