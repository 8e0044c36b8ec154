// The numbers of a run on disk: metrics.jsonl, and TensorBoard's event files.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/status.h"
#include "nlohmann/json.hpp"
#include "train/output/event_file.h"

namespace hone {

class RunLog {
  public:
    // Replaces metrics.jsonl with `history` (the rows up to the checkpoint that the run continues
    // from; none: an empty file). events_folder empty: no event file. Errors of kind kTraining.
    static absl::StatusOr<std::unique_ptr<RunLog>> Open(
        const std::string& metrics_path, const std::string& events_folder,
        const std::vector<nlohmann::ordered_json>& history);

    // Appends one row: an object with "step" and numbers. As scalars they are called train/KEY, or
    // eval/KEY for eval_KEY.
    absl::Status Add(const nlohmann::ordered_json& row);

  private:
    std::unique_ptr<AppendFile> metrics_;
    std::unique_ptr<EventFile> events_;
};

}  // namespace hone
