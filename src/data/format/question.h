// A row as a question and its answer: what a model is asked when its own answers are compared with
// the row's.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"
#include "data/format/row_format.h"
#include "data/format/tokenize.h"

namespace hone {

struct Question {
    std::string text;             // as it is shown: the last message before the answer, or the text
    std::string answer;           // the row's
    std::vector<int32_t> tokens;  // the prompt, as it was trained
};

// The answer is the last message of the assistant, or the last trained part of a text; what stands
// behind it is left out. An error is the reason why the row has none: a text that is trained as a
// whole, token ids, a call of a tool.
absl::StatusOr<Question> AskRow(const DataRow& row, const ConversationEncoder& encoder,
                                const EncodeOptions& options);

// The row up to its answer, and another one in its place. The row has one (AskRow).
DataRow WithAnswer(const DataRow& row, const std::string& answer);

}  // namespace hone
