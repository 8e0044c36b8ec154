// Tokenised rows, in memory or mapped from a temporary file, and how they are loaded.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "data/format/tokenize.h"
#include "data/options.h"
#include "nlohmann/json.hpp"
#include "tensor/batch.h"
#include "tensor/context.h"

namespace hone {

class TokenStore;

// Where a row came from.
struct RowPlace {
    std::string file;
    int64_t line = 0;    // from 1; the row's number where the format has no lines (parquet)
    int64_t column = 0;  // from 1 on a parse error; 0: the whole row
};

// A row that cannot be used, or that gives nothing to learn, and why.
struct RowProblem {
    RowPlace place;
    std::string reason;
    // "FILE, line 3, column 7: reason"
    std::string ToText() const;
};

// The tokenised rows of one split, in the order of the files. Immutable, safe to read from many
// threads.
class Dataset {
  public:
    Dataset(std::shared_ptr<const TokenStore> store, std::vector<int64_t> rows);

    int64_t size() const { return static_cast<int64_t>(rows_.size()); }
    // Tokens of row i, of [0, size()).
    int64_t Length(int64_t i) const;
    // The row with Example::row = i.
    Example Get(int64_t i) const;
    RowPlace Place(int64_t i) const;
    int64_t total_tokens() const { return total_tokens_; }
    // Sum of the loss weights of all tokens that can be predicted (the first of a row cannot), or
    // are classified.
    double total_weight() const { return total_weight_; }
    int64_t longest() const { return longest_; }
    // Of one document: of a row that is a pair, of one of its answers.
    int64_t longest_document() const { return longest_document_; }
    // SHA-256 over all tokens, weights, judgements and labels in order, in hex: equal data, equal
    // fingerprint, whatever the file is called.
    const std::string& fingerprint() const { return fingerprint_; }

  private:
    std::shared_ptr<const TokenStore> store_;
    std::vector<int64_t> rows_;  // index in the store
    int64_t total_tokens_ = 0;
    double total_weight_ = 0;
    int64_t longest_ = 0, longest_document_ = 0;
    std::string fingerprint_;
};

// What became of the rows of one split.
struct SplitReport {
    int64_t rows = 0;      // read, good or bad
    int64_t examples = 0;  // rows that are in the dataset
    int64_t tokens = 0;
    int64_t label_tokens = 0;
    int64_t truncated = 0;
    int64_t dropped = 0;  // longer than max_seq_len, with OnOverflow::kDrop
};

struct DataReport {
    SplitReport train;
    SplitReport eval;
    std::vector<std::string> files;  // all that were read
    std::string format;              // "chat messages", "text template", ...
    // How to write a prompt in the form of these rows: RowConverter::PromptTemplate. "" means the
    // chat template, with the system message that all training rows have ("": none, or several).
    std::string prompt_template, system_prompt;
    std::string eval_source;           // one sentence: where the evaluation rows come from
    std::vector<RowProblem> bad_rows;  // the first kMaxListedRows of bad_row_count
    int64_t bad_row_count = 0;
    std::vector<RowProblem> masked_rows;  // without a label that trains; they are left out
    int64_t masked_row_count = 0;
    // Rows of which the chat template leaves out a part that is not trained. They are used.
    std::vector<RowProblem> left_out_rows;
    int64_t left_out_row_count = 0;
    int64_t answers = 0;  // trained answers, and how many of them end with a trained end token
    int64_t ended_answers = 0;
    bool spilled = false;                                      // the tokens lie in a temporary file
    std::vector<std::pair<std::string, std::string>> columns;  // PipelineResult::columns
    std::vector<std::string> unused_columns;
    std::vector<std::string> notes;     // what was found out about the data, as whole sentences
    std::vector<std::string> warnings;  // likewise, what may be wrong

    // A few lines for the plan that is printed before step 1.
    std::string ToText() const;
    nlohmann::ordered_json ToJson() const;
};

inline constexpr size_t kMaxListedRows = 100'000;  // bad or masked rows kept with line and reason

struct LoadedData {
    std::shared_ptr<const Dataset> train;
    std::shared_ptr<const Dataset> eval;  // null without evaluation rows
    std::vector<DataRow> eval_rows;       // those of `eval` before they became tokens, if asked for
    std::vector<std::string> labels;      // of rows with labels: what their numbers stand for
    DataReport report;
};

// Reads, converts and tokenises the training and the evaluation rows on all threads of `context`,
// in an order that does not depend on their number. A usage or data error when: nothing is found, a
// row is bad (all are listed in the message, up to a limit) and skip_bad_rows is off, no row has a
// label, or no training row is left. Rows with labels are read twice, unless options.labels names
// them: first for the labels that there are.
absl::StatusOr<LoadedData> LoadData(const DataOptions& options,
                                    std::shared_ptr<const ConversationEncoder> encoder,
                                    const Context& context);

// The rows of one split for evaluation: eval_split if set, else the only split that there is, else
// "test", else "validation". Comes back as LoadedData::eval, with nothing in train; otherwise as
// LoadData. `keep_rows` fills eval_rows, which memory_limit_bytes does not limit.
absl::StatusOr<LoadedData> LoadEvaluationData(const DataOptions& options,
                                              std::shared_ptr<const ConversationEncoder> encoder,
                                              const Context& context, bool keep_rows = false);

}  // namespace hone
