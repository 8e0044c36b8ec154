// Which columns of a file stand for which fields of a row: said with --columns, or known by their
// names.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"
#include "data/format/row_format.h"
#include "nlohmann/json.hpp"

namespace hone {

// {"prompt", "Question"}: the field and the column that holds it.
using ColumnMap = std::vector<std::pair<std::string, std::string>>;

// The format of a row by the names of its fields; nothing where they are none that hone knows.
std::optional<RowFormat> FormatByFields(const nlohmann::ordered_json& row);

// The row's field; nullptr where it has none, or null in it.
const nlohmann::ordered_json* FindField(const nlohmann::ordered_json& row, std::string_view name);
// Whether the row has the field, and something in it.
bool HasField(const nlohmann::ordered_json& row, std::string_view name);

// The fields that a format reads.
std::vector<std::string> FieldsOf(RowFormat format);

// Columns under other names that people have for a question and its answer, a text or messages, in
// any case: "Question" and "Answer" are input and output, "article" and "highlights" too, "text"
// and "category" are text and label. Empty: none are known.
ColumnMap GuessColumns(const nlohmann::ordered_json& row);

// Of those a text with its summary or its class alone: what there is to learn of a row that a
// "text" makes look like plain text.
ColumnMap GuessTextAndAnswer(const nlohmann::ordered_json& row);

// Adds the columns of this row that stand for the format's optional fields: "system_prompt",
// "context". Fields that the map has already, and columns that are null, stay out.
void AddOptionalColumns(const nlohmann::ordered_json& row, RowFormat format, ColumnMap* columns);

// The row under the names of the fields: the columns of the map, and of the others those that are
// among `fields`.
nlohmann::ordered_json RenameColumns(const nlohmann::ordered_json& row, const ColumnMap& columns,
                                     const std::vector<std::string>& fields);

// An error where this is a whole table in one object.
absl::Status RefuseTable(const nlohmann::ordered_json& row);

}  // namespace hone
