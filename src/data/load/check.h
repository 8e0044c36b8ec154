// `hone data check`: everything that is wrong with a data file, before anybody trains on it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "data/format/tokenize.h"
#include "data/load/dataset.h"
#include "data/options.h"
#include "nlohmann/json.hpp"
#include "tensor/context.h"

namespace hone {

// Nearest-rank percentiles of the tokens per row, before truncation.
struct LengthPercentiles {
    int64_t p50 = 0, p90 = 0, p99 = 0, max = 0;
};
// Zeros where there are no lengths.
LengthPercentiles PercentilesOf(std::vector<uint32_t> lengths);

struct DuplicateRow {
    RowPlace place;  // the later copy
    RowPlace first;
};

struct DataCheck {
    std::vector<std::string> files;
    std::string format;
    std::vector<std::pair<std::string, std::string>> columns;  // PipelineResult::columns
    std::vector<std::string> unused_columns;
    std::vector<std::string> notes;  // about columns, encodings, separators: whole sentences
    int64_t rows = 0;
    int64_t good_rows = 0;
    int64_t pairs = 0;      // good rows that are two answers to one prompt
    bool judged = false;    // the rows have labels,
    int64_t undesired = 0;  // and so many good rows have a bad one
    int64_t tokens = 0;
    int64_t label_tokens = 0;
    LengthPercentiles lengths;
    int64_t max_seq_len = 0;
    std::vector<RowPlace> over_length;  // rows with more than max_seq_len tokens
    int64_t over_length_count = 0;
    std::vector<RowProblem> bad_rows;
    int64_t bad_row_count = 0;
    std::vector<RowProblem>
        masked_rows;  // good rows without a label that trains (after truncation)
    int64_t masked_row_count = 0;
    std::vector<RowProblem> left_out_rows;  // good rows of which the template shows not all
    int64_t left_out_row_count = 0;
    std::vector<DuplicateRow> duplicates;
    int64_t duplicate_count = 0;
    std::vector<DuplicateRow>
        in_both_splits;  // place: in the evaluation split, first: in the training split
    int64_t in_both_splits_count = 0;
    int64_t answers = 0;
    int64_t ended_answers = 0;
    std::string split_note;  // where training and evaluation rows come from

    // No bad row, and at least one row with a label.
    bool ok() const { return bad_row_count == 0 && good_rows > masked_row_count; }
    // Like rows are ten and a count; the JSON lists them all.
    std::string ToText() const;
    nlohmann::ordered_json ToJson() const;
};

// Reads all rows of the training and evaluation splits of `options` (skip_bad_rows and on_overflow
// are not looked at; without a row_kind the rows may be of any kind). Fails only where nothing can
// be read: bad rows are results. Lists hold at most kMaxListedRows each; the counts are whole.
absl::StatusOr<DataCheck> CheckData(const DataOptions& options,
                                    std::shared_ptr<const ConversationEncoder> encoder,
                                    const Context& context);

}  // namespace hone
