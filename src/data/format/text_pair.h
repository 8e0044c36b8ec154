// Rows of two texts and how alike they are, for embeddings.
#pragma once

#include <optional>

#include "base/status.h"
#include "data/format/row_columns.h"
#include "data/format/row_format.h"
#include "data/format/tokenize.h"
#include "nlohmann/json.hpp"

namespace hone {

// Where the columns are not said: those of this row that hold two texts, and how alike they are
// where one does ("sentence1", "sentence2" and "score"); empty: none are known.
ColumnMap GuessTextPairColumns(const nlohmann::ordered_json& row);
// kScoredPair or kAlikePair, by the fields of a row; nothing where they are neither.
std::optional<RowFormat> TextPairFormat(const nlohmann::ordered_json& row);

// kScoredPair: "text_a", "text_b" and "label", a number from 0 to max_score, which becomes one from
// 0 to 1; a boolean is 0 or 1. kAlikePair: the same without a label, which is then 1.
absl::StatusOr<DataRow> ConvertTextPair(const nlohmann::ordered_json& row, RowFormat format,
                                        double max_score);

// Two documents, each a text as it stands, with the tokens that its tokenizer puts before one; a
// weight of 1 at the last token of each.
absl::StatusOr<EncodedRow> EncodeTextPair(const ConversationEncoder& encoder, const DataRow& row,
                                          const EncodeOptions& options);

}  // namespace hone
