// Rows with labels: a text and what it is, or words and what each is.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "data/format/row_columns.h"
#include "data/format/row_format.h"
#include "nlohmann/json.hpp"

namespace hone {

// A label as text: a name, or the name of its number, or the number.
absl::StatusOr<std::string> LabelText(const nlohmann::ordered_json& label, std::string_view field,
                                      const std::vector<std::string>& names);

// Where the columns are not said: those of this row that hold a text and its label, words and their
// tags, or a text and its spans; empty: none are known.
ColumnMap GuessLabelledColumns(const nlohmann::ordered_json& row, LabelKind kind);
// kLabelledText, kLabelledWords or kLabelledSpans, by the fields of a row; nothing where they are
// none of these.
std::optional<RowFormat> LabelledFormat(const nlohmann::ordered_json& row, LabelKind kind);

// kLabelledText: "text" is `label`, or where options.multi is set of any number of labels, a list
// or a text with options.separator between them. names: of labels that are numbers.
absl::StatusOr<DataRow> ConvertLabelledText(const nlohmann::ordered_json& row,
                                            const LabelOptions& options,
                                            const std::vector<std::string>& names);

// kLabelledWords: "tokens" and as many "tags": O, B-TYPE, I-TYPE, or BIOES. The text has a space
// between two words.
absl::StatusOr<DataRow> ConvertLabelledWords(const nlohmann::ordered_json& row,
                                             const std::vector<std::string>& names);

// kLabelledSpans: "text" and "spans" of it: {"start", "end", "label"} or [start, end, label],
// counted in characters, end past the last. They become tags, B-LABEL and I-LABEL, of the words of
// SplitIntoWords that they touch. Spans that overlap or cross the text are errors.
absl::StatusOr<DataRow> ConvertLabelledSpans(const nlohmann::ordered_json& row);

// Runs of letters, numbers and underscores, and each other character but white space for itself;
// without tags.
std::vector<LabelledWord> SplitIntoWords(std::string_view text);

}  // namespace hone
