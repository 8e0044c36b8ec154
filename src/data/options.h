// What data to train on and how to turn it into tokens: the data flags of the command line.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "tensor/batch.h"

namespace hone {

// What happens to a row with more than max_seq_len tokens: cut at the end, left out, or the run
// refused.
enum class OnOverflow { kTruncate, kDrop, kError };

// What the rows of a data set say of their answers.
enum class RowKind {
    kPlain,   // they are to be learned
    kPairs,   // of two answers to one prompt, the first is preferred
    kJudged,  // each was judged good or bad
};

// Rows that say of a text, or of each of its words, what it is; or how alike two texts are.
struct LabelOptions {
    LabelKind kind = LabelKind::kNextToken;  // kNextToken: rows have no such labels
    std::string flag;                        // what asks for them, for errors: "--task ..."
    bool multi = false;                      // of a text: any number of labels
    std::string separator;  // what stands between them where a row has them in one text
    // All labels; the place of each is its number. Empty: DataOptions::label_names, else those of
    // the training rows, in alphabetical order, numbers by their value.
    std::vector<std::string> names;
    // none, balanced (each class weighs as much as any other in all) or "A=2,B=0.5".
    std::string class_weights = "none";
    double max_score = 1;  // kPair: the label of two texts that mean the same
};

// "truncate", "drop" or "error".
absl::StatusOr<OnOverflow> ParseOnOverflow(std::string_view text);

// What separates the columns of a CSV file: one character, or its name (comma, semicolon, tab,
// bar);
// "": found from the file, and then 0.
absl::StatusOr<char> ParseCsvSeparator(std::string_view text);

// "prompt=Question,completion=Answer": pairs of a name that hone knows and a column of the file.
// Errors go after the name of the option.
absl::StatusOr<std::vector<std::pair<std::string, std::string>>> ParseColumns(
    std::string_view text);
// Whether each pair names a field that a row can have, and none twice.
absl::Status CheckColumns(const std::vector<std::pair<std::string, std::string>>& columns);

// Finds the files of a hub data set ("org/name") in the local cache or downloads them. Supplied by
// the caller: this room speaks no HTTP. `subset` may be empty. Returns paths of local files.
using HubFetcher = std::function<absl::StatusOr<std::vector<std::string>>(
    const std::string& repo, const std::string& subset)>;

struct DataOptions {
    // A file, a folder, "json", "csv", "parquet" or "text" (then data_files says which files), or a
    // hub data set "org/name".
    std::string data_name;
    std::vector<std::string>
        data_files;  // with a format as data_name, or names inside the folder or data set
    std::vector<std::string>
        eval_data_files;       // files of evaluation rows, read whole; excludes eval_split
    std::string train_subset;  // handed to the HubFetcher
    std::string eval_subset;   // empty: the train_subset
    // The Hugging Face slice syntax: "train", "train[:4096]", "train[80%:]", "train[10%:20%]",
    // "train[-100:]", and sums of them with "+".
    std::string train_split = "train";
    // Unset: the data set's validation files if it has any, else eval_fraction of the training rows
    // is held out. "none" or "": no evaluation rows.
    std::optional<std::string> eval_split;
    double eval_fraction = 0.1;

    // What the rows must be: others are an error. Unset: whatever they are.
    std::optional<RowKind> row_kind = RowKind::kPlain;
    std::string row_kind_flag;  // what asks for them, for that error: "--objective dpo"
    LabelOptions labels;

    // Which column of the file stands for which field of a row: {"prompt", "Question"}.
    std::vector<std::pair<std::string, std::string>> columns;
    std::string csv_separator;  // see ParseCsvSeparator

    // "... {field} ... [[{answer}]]": see TextTemplate in row_format.h
    std::string text_template;
    std::string text_field;  // this column is the text
    // Of labels that are numbers: the name of 0, of 1, ...
    std::vector<std::string> label_names;
    // Chat rows (messages, conversations) always use the chat template. Unset: so do instruction
    // and input/output rows where the model brings one. true: these and prompt/completion rows do,
    // with ChatML where the model brings none. false: none of the pairs does.
    std::optional<bool> use_chat_template;
    bool add_special_tokens =
        true;  // texts outside a chat template: BOS as the tokenizer adds it, EOS at the end
    bool train_on_prompt = false;  // loss on every token, not on the answers only
    // The day ("2026-11-26") for chat templates that show today's date; empty: today.
    std::string template_date;

    int64_t max_seq_len = 1024;
    OnOverflow on_overflow = OnOverflow::kTruncate;
    bool packing = false;                // BatcherOptions::packing
    std::optional<int64_t> max_samples;  // the first rows of each split; unset: all
    bool skip_bad_rows = false;          // leave bad rows out instead of refusing them

    // Tokenised rows beyond this many bytes go to an unlinked temporary file in cache_folder.
    int64_t memory_limit_bytes = int64_t{256} << 20;
    std::string cache_folder;  // empty: a row set larger than the limit is an error that says so

    HubFetcher fetch_hub;  // may be empty: then only local data sets are found
};

// Where data_files are given without a data_name: the format by the ending of the first, as
// datasets.load_dataset wants it named.
absl::Status NameFormatByFiles(DataOptions& options);

}  // namespace hone
