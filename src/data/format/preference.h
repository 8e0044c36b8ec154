// Rows that compare or judge answers, for preference tuning: which they are, and their parts.
//
// Two answers to one prompt, as TRL writes them: {"prompt", "chosen", "rejected"}, texts or lists
// of messages, or without a prompt of its own {"chosen", "rejected"} that begin alike; as OpenAI
// writes them: {"input": {"messages", "tools"}, "preferred_output", "non_preferred_output"}, the
// last two also called preferred_completion and non_preferred_completion. One judged answer: a
// plain row with "label" (or "kto_tag"), true or false.
#pragma once

#include <string>
#include <string_view>

#include "base/status.h"
#include "data/format/row_columns.h"
#include "data/options.h"
#include "nlohmann/json.hpp"

namespace hone {

// What the row's fields say of its answers. A "label" counts where it is true or false, with
// `any_label` also where it is 1 or 0.
RowKind KindOfRow(const nlohmann::ordered_json& row, bool any_label = false);

// An error where the row is of another kind than `wanted`, which `flag` asks for.
absl::Status CheckRowKind(const nlohmann::ordered_json& row, RowKind wanted, std::string_view flag);

// Columns under other names that people have for a pair: "question" for the prompt. Empty: all
// have the names of the fields, or none is known.
ColumnMap GuessPairColumns(const nlohmann::ordered_json& row);

// A pair as two rows of prompt and completion.
struct PairRows {
    nlohmann::ordered_json preferred, other;
    std::string_view preferred_name, other_name;  // what the row calls their completions
};
absl::StatusOr<PairRows> SplitPair(const nlohmann::ordered_json& row);

// Whether the answer of a judged row is good.
absl::StatusOr<bool> ReadLabel(const nlohmann::ordered_json& row);

// Whether the row has the fields of OpenAI's pairs.
bool IsOpenAiPair(const nlohmann::ordered_json& row);

}  // namespace hone
