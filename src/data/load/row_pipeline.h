// Rows from files to tokens: one thread reads ahead, all threads of the context convert and
// tokenise, the results come out in the order of the files.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "data/format/row_format.h"
#include "data/format/tokenize.h"
#include "data/load/dataset.h"
#include "data/options.h"
#include "data/read/splits.h"
#include "tensor/context.h"

namespace hone {

struct RowOutcome {
    RowPlace place;
    bool train = false;  // which splits the row belongs to
    bool eval = false;
    bool parsed = false;  // `hash` is of its content
    uint64_t hash = 0;
    // Of a conversation: its system message, or "".
    std::optional<std::string> system_prompt;
    DataRow row;                   // of a good row, as it was converted
    EncodedRow encoded;            // the same as tokens, not truncated
    std::string problem;           // not empty: the row is bad, and why
    bool template_failed = false;  // the problem is what the chat template made of the row
    // What no row is to blame for, such as a want of memory: it ends the run.
    absl::Status broken;
};

struct PipelineResult {
    std::vector<std::string> files;   // that were read
    std::optional<RowFormat> format;  // unset: not one row could be parsed
    RowKind kind = RowKind::kPlain;
    std::string format_name;  // "chat messages, each judged by its label"; or "unknown"
    // Columns that stand for fields of other names, {"input", "Question"}.
    std::vector<std::pair<std::string, std::string>> columns;
    std::vector<std::string> unused_columns;  // with a value in some row, in alphabetical order
    std::vector<std::string> notes;           // what is unusual about the files, as sentences
    bool shows_today = false;     // a chat template shows the day, and options name none
    std::string prompt_template;  // RowConverter::PromptTemplate
};

// Counts the rows on which the chat template failed: where it fails on every one, it is the
// template that is at fault, and one error says so instead of a list of bad rows.
class TemplateFailures {
  public:
    void Count(const RowOutcome& outcome);
    // OK, or what is wrong with the template.
    absl::Status Check() const;

  private:
    int64_t rows_ = 0;
    int64_t failed_ = 0;
    std::string first_;  // the first failure
};

// "the chat template does not show the row's tools, ...", of a good row.
std::string LeftOutText(const std::vector<std::string>& left_out);

// For people, where result.shows_today.
inline constexpr std::string_view kShowsToday =
    "The chat template shows today's date: on another day the same rows have other tokens. "
    "--template_date names a day.";

// Reads the planned rows, each at most once, up to max_samples of each purpose. `sink` gets them on
// the calling thread, in order; its error ends the run. A bad row is an outcome; an error is what
// no row is to blame for, or a first row whose format is unknown. A file that breaks off (damaged
// gzip) gives one bad row at its end. Rows with labels are converted, but become no tokens, as long
// as options.labels names none; label_weights: of the rows of each, or none.
absl::StatusOr<PipelineResult> RunPipeline(const ReadPlan& plan, const DataOptions& options,
                                           std::shared_ptr<const ConversationEncoder> encoder,
                                           const Context& context,
                                           const std::function<absl::Status(RowOutcome)>& sink,
                                           const std::vector<float>& label_weights = {});

// What the user should know about the columns, as sentences: which stand for what, which are not
// used.
std::vector<std::string> DescribeColumns(const PipelineResult& result);

// {"input": "Question"}
nlohmann::ordered_json ColumnsJson(const std::vector<std::pair<std::string, std::string>>& columns);

}  // namespace hone
