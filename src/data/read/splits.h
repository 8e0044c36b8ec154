// From the names in DataOptions to files, and which of their rows train and which evaluate.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "data/options.h"
#include "data/read/row_reader.h"

namespace hone {

struct DataFile {
    std::string path;
    FileFormat format = FileFormat::kJsonLines;
};

// A part of a split: "NAME", "NAME[from:to]", the bounds as numbers of rows or per cent, from the
// end where negative.
struct SplitSlice {
    struct Bound {
        int64_t value = 0;
        bool percent = false;
    };
    std::string name;
    std::optional<Bound> from, to;

    // Rows [first, second) of a split of `rows` rows; per cent are rounded half to even, as the
    // Python library does it.
    std::pair<int64_t, int64_t> Rows(int64_t rows) const;
    // False: Rows needs to know how many rows there are.
    bool Absolute() const;
};

// "train[:4096]", "train[80%:]+test"; the error shows the syntax.
absl::StatusOr<std::vector<SplitSlice>> ParseSplit(std::string_view text);

// "train", "validation" or "test" by the words in the path ("data/train-00000-of-00001.parquet"),
// else "".
std::string SplitOfPath(std::string_view path);

// Files that are read one after the other as one numbered sequence of rows, and what becomes of the
// rows. A row may be in both.
struct PlannedSplit {
    std::string name;
    std::vector<DataFile> files;
    std::vector<std::pair<int64_t, int64_t>> train;  // [first, second) of its rows
    std::vector<std::pair<int64_t, int64_t>> eval;

    int64_t end() const;  // no row from here on is wanted
};

struct ReadPlan {
    std::vector<PlannedSplit> splits;
    bool hold_out = false;  // eval_fraction of the training rows are for evaluation
    std::string eval_source;
    std::vector<std::string> notes;  // files that lie there and are not used
    std::vector<std::string> warnings;
};

// How the files of a data set are read.
absl::StatusOr<ReadOptions> ReadingOptions(const DataOptions& options);

// Finds the files, counts rows where a slice needs it.
absl::StatusOr<ReadPlan> PlanTraining(const DataOptions& options);
absl::StatusOr<ReadPlan> PlanEvaluation(const DataOptions& options);

}  // namespace hone
