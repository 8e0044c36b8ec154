#include "data/options.h"

#include <algorithm>
#include <array>

namespace hone {
namespace {

// The fields of rows that --columns can name.
constexpr std::array<std::string_view, 23> kFields = {
    "messages", "conversations", "tools",     "system", "prompt",         "completion",
    "chosen",   "rejected",      "label",     "output", "instruction",    "input",
    "history",  "text",          "input_ids", "labels", "attention_mask", "functions",
    "tokens",   "tags",          "spans",     "text_a", "text_b"};

std::string_view WithoutSpace(std::string_view text) {
    const size_t begin = text.find_first_not_of(" \t");
    if (begin == std::string_view::npos) return "";
    return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

}  // namespace

absl::StatusOr<OnOverflow> ParseOnOverflow(std::string_view text) {
    if (text == "truncate") return OnOverflow::kTruncate;
    if (text == "drop") return OnOverflow::kDrop;
    if (text == "error") return OnOverflow::kError;
    return UsageError("--on_overflow takes truncate, drop or error, not \"{}\"", text);
}

absl::StatusOr<char> ParseCsvSeparator(std::string_view text) {
    if (text.empty()) return '\0';
    if (text == "comma") return ',';
    if (text == "semicolon") return ';';
    if (text == "tab" || text == "\\t") return '\t';
    if (text == "bar" || text == "pipe") return '|';
    const auto byte = static_cast<unsigned char>(text[0]);
    if (text.size() == 1 && byte < 0x80 && byte != '"' && byte != '\n' && byte != '\r')
        return text[0];
    return UsageError(
        "--csv_separator takes one character, or comma, semicolon, tab or bar, not \"{}\"", text);
}

absl::Status CheckColumns(const std::vector<std::pair<std::string, std::string>>& columns) {
    for (size_t i = 0; i < columns.size(); ++i) {
        const std::string& field = columns[i].first;
        if (std::find(kFields.begin(), kFields.end(), field) == kFields.end())
            return UsageError(
                "\"{}\" is no field of a row; there are {}. It goes FIELD=COLUMN, as in "
                "prompt=Question",
                field, fmt::join(kFields, ", "));
        for (size_t j = 0; j < i; ++j)
            if (columns[j].first == field) return UsageError("names {} twice", field);
    }
    return absl::OkStatus();
}

absl::StatusOr<std::vector<std::pair<std::string, std::string>>> ParseColumns(
    std::string_view text) {
    std::vector<std::pair<std::string, std::string>> columns;
    for (;;) {
        const size_t comma = text.find(',');
        const std::string_view entry = text.substr(0, comma);
        const size_t equals = entry.find('=');
        const std::string field(WithoutSpace(entry.substr(0, equals)));
        const std::string_view column =
            equals == std::string_view::npos ? "" : WithoutSpace(entry.substr(equals + 1));
        if (column.empty())
            return UsageError(
                "it takes FIELD=COLUMN,FIELD=COLUMN, as in prompt=Question,completion=Answer; "
                "\"{}\" is none",
                entry);
        columns.emplace_back(field, column);
        if (comma == std::string_view::npos) break;
        text.remove_prefix(comma + 1);
    }
    HONE_RETURN_IF_ERROR(CheckColumns(columns));
    return columns;
}

absl::Status NameFormatByFiles(DataOptions& options) {
    if (!options.data_name.empty() || options.data_files.empty()) return absl::OkStatus();
    std::string file = options.data_files.front();
    if (file.ends_with(".gz")) file.resize(file.size() - 3);
    if (file.ends_with(".jsonl") || file.ends_with(".json")) options.data_name = "json";
    if (file.ends_with(".csv") || file.ends_with(".tsv")) options.data_name = "csv";
    if (file.ends_with(".parquet")) options.data_name = "parquet";
    if (file.ends_with(".txt")) options.data_name = "text";
    if (file.ends_with(".conll") || file.ends_with(".iob") || file.ends_with(".bio"))
        options.data_name = "conll";
    if (options.data_name.empty())
        return UsageError(
            "what format is {}? say it with --data_name json, csv, parquet, text or "
            "conll",
            options.data_files.front());
    return absl::OkStatus();
}

}  // namespace hone
