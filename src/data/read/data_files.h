// Which files a data set has, by the name of its splits.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/status.h"
#include "data/options.h"
#include "data/read/splits.h"

namespace hone {

struct SplitFiles {
    std::map<std::string, std::vector<DataFile>> splits;
    std::map<std::string, std::string>
        aliases;  // another name of a split: a file "test.jsonl" is also "test"
    std::vector<std::string> beside;  // files of other splits beside a single file "train.csv"
    std::vector<std::string> warnings;

    bool Has(const std::string& name) const { return splits.count(name) > 0; }
    // "train, validation"
    std::string Names() const;
    // An error lists the names that there are.
    absl::StatusOr<std::vector<DataFile>> Find(const std::string& name) const;
};

// The files of options.data_name and data_files. A single file is "train". A folder's or data set's
// files are split by the words in their names (SplitOfPath); where none has such a word, all are
// "train". Files listed with --data_files are all "train" unless train_split or eval_split asks for
// another name: then they are split by name, too.
absl::StatusOr<SplitFiles> FindFiles(const DataOptions& options, const std::string& subset);

// options.eval_data_files, as the split "train".
absl::StatusOr<SplitFiles> FindEvalFiles(const DataOptions& options);

}  // namespace hone
