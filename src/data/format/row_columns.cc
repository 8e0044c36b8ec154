#include "data/format/row_columns.h"

#include <algorithm>
#include <cctype>
#include <initializer_list>

namespace hone {
namespace {

using nlohmann::ordered_json;

// Without the spaces around it, in lower case.
std::string Plain(std::string_view name) {
    const size_t begin = name.find_first_not_of(" \t_");
    if (begin == std::string_view::npos) return "";
    std::string plain(name.substr(begin, name.find_last_not_of(" \t_") - begin + 1));
    std::transform(plain.begin(), plain.end(), plain.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return plain;
}

// The column of one of these names, the first of them first; "": there is none.
std::string ColumnOf(const ordered_json& row, std::initializer_list<std::string_view> names) {
    for (std::string_view name : names)
        for (const auto& [column, value] : row.items())
            if (!value.is_null() && Plain(column) == name) return column;
    return "";
}

bool IsListOfTurns(const ordered_json& value, const char* member) {
    return value.is_array() && !value.empty() && value[0].is_object() && value[0].contains(member);
}

// A class: a name, its number, true or false. A longer text is no label.
bool IsLabel(const ordered_json& value) {
    constexpr size_t kLongest = 100;  // bytes
    if (value.is_number_integer() || value.is_boolean()) return true;
    if (!value.is_string()) return false;
    const auto& text = value.get_ref<const std::string&>();
    return text.size() <= kLongest && text.find('\n') == std::string::npos;
}

// The column of a text's class. A name goes before its number, which some tables have beside it.
std::string LabelColumn(const ordered_json& row) {
    for (const std::string_view name :
         {"label_text", "label_name", "label", "category", "intent", "sentiment"}) {
        const std::string column = ColumnOf(row, {name});
        if (!column.empty() && IsLabel(row[column])) return column;
    }
    return "";
}

// The columns of a document and its summary; empty: there are none.
ColumnMap SummaryColumns(const ordered_json& row) {
    const std::string summary = ColumnOf(row, {"summary", "highlights"});
    const std::string document = ColumnOf(row, {"document", "article", "dialogue", "text"});
    const auto is_text = [&](const std::string& column) {
        return !column.empty() && row[column].is_string();
    };
    if (!is_text(summary) || !is_text(document)) return {};
    return {{"input", document}, {"output", summary}};
}

void AddIfThere(const ordered_json& row, const char* field,
                std::initializer_list<std::string_view> names, ColumnMap* columns) {
    if (std::any_of(columns->begin(), columns->end(),
                    [&](const auto& pair) { return pair.first == field; }))
        return;
    if (const std::string column = ColumnOf(row, names); !column.empty())
        columns->emplace_back(field, column);
}

// {"text": {"0": ..., "1": ...}} as pandas writes a table, or {"text": [...]} as datasets does.
bool IsWholeTable(const ordered_json& row) {
    auto numbered = [](const ordered_json& column) {
        return column.is_object() && column.contains("0");
    };
    auto listed = [](const ordered_json& column) {
        return column.is_array() && !column.empty() &&
               std::all_of(column.begin(), column.end(),
                           [](const ordered_json& cell) { return cell.is_string(); });
    };
    return (!row.empty() && std::all_of(row.begin(), row.end(), numbered)) ||
           (row.size() > 1 && std::all_of(row.begin(), row.end(), listed));
}

}  // namespace

const ordered_json* FindField(const ordered_json& row, std::string_view name) {
    const auto found = row.find(std::string(name));
    return found == row.end() || found->is_null() ? nullptr : &*found;
}

bool HasField(const ordered_json& row, std::string_view name) {
    return FindField(row, name) != nullptr;
}

std::optional<RowFormat> FormatByFields(const ordered_json& row) {
    if (HasField(row, "messages")) return RowFormat::kMessages;
    if (HasField(row, "conversations")) return RowFormat::kShareGpt;
    if (HasField(row, "prompt") && HasField(row, "completion")) return RowFormat::kPromptCompletion;
    if (HasField(row, "instruction") && HasField(row, "output")) return RowFormat::kInstruction;
    if (HasField(row, "input") && HasField(row, "output")) return RowFormat::kInputOutput;
    if (HasField(row, "input_ids")) return RowFormat::kInputIds;
    if (HasField(row, "text") && HasField(row, "label") && IsLabel(row["label"]))
        return RowFormat::kTextLabel;
    if (HasField(row, "text")) return RowFormat::kText;
    return std::nullopt;
}

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
        case RowFormat::kTextLabel:
            return "text and label";
        case RowFormat::kText:
            return "plain text";
        case RowFormat::kInputIds:
            return "token ids";
        case RowFormat::kPreference:
            return "preferences: prompt, chosen and rejected";
        case RowFormat::kOpenAiPreference:
            return "preferences: input, preferred and non-preferred output";
        case RowFormat::kLabelledText:
            return "text and label, to be classified";
        case RowFormat::kLabelledWords:
            return "words and their tags";
        case RowFormat::kLabelledSpans:
            return "text and spans";
        case RowFormat::kScoredPair:
            return "two texts and how alike they are";
        case RowFormat::kAlikePair:
            return "two texts that are alike";
        case RowFormat::kTextField:
            return "text field";
        case RowFormat::kTextTemplate:
            return "text template";
    }
    return "";
}

std::vector<std::string> FieldsOf(RowFormat format) {
    switch (format) {
        case RowFormat::kMessages:
            return {"messages", "tools", "functions", "system"};
        case RowFormat::kShareGpt:
            return {"conversations", "tools", "functions", "system"};
        case RowFormat::kPromptCompletion:
            return {"prompt", "completion", "tools", "functions", "system"};
        case RowFormat::kInstruction:
            return {"instruction", "input", "output", "system", "history"};
        case RowFormat::kInputOutput:
            return {"input", "output", "system", "history"};
        case RowFormat::kInputIds:
            return {"input_ids", "labels", "attention_mask"};
        case RowFormat::kTextLabel:
        case RowFormat::kLabelledText:
            return {"text", "label"};
        case RowFormat::kLabelledWords:
            return {"tokens", "tags"};
        case RowFormat::kLabelledSpans:
            return {"text", "spans"};
        case RowFormat::kScoredPair:
            return {"text_a", "text_b", "label"};
        case RowFormat::kAlikePair:
            return {"text_a", "text_b"};
        case RowFormat::kText:
            return {"text"};
        case RowFormat::kPreference:
            return {"prompt", "chosen", "rejected", "tools", "functions", "system"};
        case RowFormat::kOpenAiPreference:
            return {"input", "preferred_output", "preferred_completion", "non_preferred_output",
                    "non_preferred_completion"};
        case RowFormat::kTextField:
        case RowFormat::kTextTemplate:
            break;
    }
    return {};
}

ColumnMap GuessTextAndAnswer(const ordered_json& row) {
    ColumnMap columns = SummaryColumns(row);
    if (!columns.empty()) return columns;
    const std::string text = ColumnOf(row, {"text", "sentence", "utterance", "review", "tweet"});
    const std::string label = LabelColumn(row);
    if (text.empty() || label.empty() || !row[text].is_string()) return {};
    return {{"text", text}, {"label", label}};
}

ColumnMap GuessColumns(const ordered_json& row) {
    for (const auto& [column, value] : row.items()) {
        const std::string name = Plain(column);
        if (name != "messages" && name != "conversation" && name != "conversations" &&
            name != "dialog" && name != "dialogue" && name != "chat")
            continue;
        ColumnMap columns;
        if (IsListOfTurns(value, "role")) columns.emplace_back("messages", column);
        if (IsListOfTurns(value, "from")) columns.emplace_back("conversations", column);
        if (columns.empty()) continue;
        AddOptionalColumns(row, RowFormat::kMessages, &columns);
        return columns;
    }
    const std::string answer =
        ColumnOf(row, {"completion", "response", "answer", "output", "reply"});
    const std::string instruction = ColumnOf(row, {"instruction"});
    ColumnMap columns;
    if (!answer.empty() && !instruction.empty()) {
        columns = {{"instruction", instruction}};
    } else if (const std::string question = ColumnOf(row, {"prompt", "question", "query", "input"});
               !answer.empty() && !question.empty()) {
        const bool same = Plain(question) == "prompt" && Plain(answer) == "completion";
        if (same) return {{"prompt", question}, {"completion", answer}};
        columns = {{"input", question}};
    } else {
        columns = GuessTextAndAnswer(row);
        if (columns.empty()) AddIfThere(row, "text", {"text"}, &columns);
        return columns;
    }
    columns.emplace_back("output", answer);
    AddOptionalColumns(row, instruction.empty() ? RowFormat::kInputOutput : RowFormat::kInstruction,
                       &columns);
    return columns;
}

void AddOptionalColumns(const ordered_json& row, RowFormat format, ColumnMap* columns) {
    const bool chat = format == RowFormat::kMessages || format == RowFormat::kShareGpt;
    const bool pair = format == RowFormat::kInstruction || format == RowFormat::kInputOutput;
    if (!chat && !pair) return;
    if (chat) AddIfThere(row, "tools", {"tools"}, columns);
    if (format == RowFormat::kInstruction) AddIfThere(row, "input", {"input", "context"}, columns);
    AddIfThere(row, "system", {"system", "system_prompt"}, columns);
    if (pair) AddIfThere(row, "history", {"history"}, columns);
}

ordered_json RenameColumns(const ordered_json& row, const ColumnMap& columns,
                           const std::vector<std::string>& fields) {
    ordered_json renamed = ordered_json::object();
    for (const auto& [field, column] : columns)
        if (const auto found = row.find(column); found != row.end()) renamed[field] = *found;
    for (const std::string& field : fields) {
        const bool mapped = std::any_of(columns.begin(), columns.end(), [&](const auto& pair) {
            return pair.first == field || pair.second == field;
        });
        if (mapped) continue;
        if (const auto found = row.find(field); found != row.end()) renamed[field] = *found;
    }
    return renamed;
}

absl::Status RefuseTable(const ordered_json& row) {
    if (!IsWholeTable(row)) return absl::OkStatus();
    return DataError(
        "this object is a whole table, with a column in each member: hone wants an object for "
        "each row (pandas: to_json(path, orient=\"records\", lines=True))");
}

}  // namespace hone
