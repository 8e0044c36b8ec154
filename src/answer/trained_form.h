// How the run that made an adapter or a model put its rows to it, from the run.json beside it: a
// model is asked as it was trained. What was made of several adapters has trained_form.json.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "data/options.h"

namespace hone {

// What run.json says.
struct TrainedForm {
    std::string run_json;                        // the file's path
    std::string base;                            // the model that the run started from
    DataOptions data;                            // how rows were read
    std::string prompt_template, system_prompt;  // as in DataReport
};

// Of the run that made the adapter, or without an adapter the model; none where no run.json beside
// it says so. Both are folders; `model` may be anything. A run.json that cannot be read adds a
// sentence to `warnings`.
std::optional<TrainedForm> FindTrainedForm(const std::string& adapter, const std::string& model,
                                           std::vector<std::string>& warnings);

// Writes into the folder of an adapter, which was made of those in `parts`, how all of these put
// their rows, where they agree: FindTrainedForm finds it there. Returns why they do not, as a
// sentence; empty: they do, or no run.json says anything of any. max_seq_len is the largest.
absl::StatusOr<std::string> KeepTrainedForm(const std::vector<std::string>& parts,
                                            const std::string& folder);

// A text as a note shows it: in quotes, on one line, cut where it is too long to be read.
std::string ShownText(const std::string& text);

}  // namespace hone
