// What a model answers to the rows of a data set, to be compared with the rows' own answers.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "answer/answerer.h"
#include "data/format/question.h"
#include "data/load/dataset.h"

namespace hone {

struct RowAnswer {
    std::string text;  // without the spaces around it
    bool cut = false;  // it ended at max_new_tokens
    int64_t tokens = 0;
    // Of a label that was chosen: its share of the probability of all labels.
    std::optional<double> probability;
};

// Rows answered so far, maybe a few less, and tokens. False ends the work.
using AnswerProgress = std::function<bool(int64_t rows, int64_t new_tokens)>;

// The questions of data.eval_rows, in their order. `options` are those that the rows were read
// with. A row without an answer is an error of kind kData that names it.
absl::StatusOr<std::vector<Question>> AskRows(const LoadedData& data,
                                              const ConversationEncoder& encoder,
                                              const DataOptions& options, const Context& context);

// Answers them, at most `batch_size` at a time. kInterrupted after the callback said so.
absl::StatusOr<std::vector<RowAnswer>> AnswerQuestions(Answerer& answerer,
                                                       const std::vector<Question>& questions,
                                                       const SamplingChoice& sampling,
                                                       int64_t batch_size,
                                                       const AnswerProgress& progress);

// For each row the likeliest of the labels, put in place of the row's answer: its whole text with
// the end token behind it.
absl::StatusOr<std::vector<RowAnswer>> ChooseLabels(const LoadedModel& loaded,
                                                    const std::vector<DataRow>& rows,
                                                    const std::vector<std::string>& labels,
                                                    const DataOptions& options,
                                                    const Context& context,
                                                    const AnswerProgress& progress);

}  // namespace hone
