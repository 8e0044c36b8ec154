// The numbers of a run on disk: metrics.jsonl, and TensorBoard's event files.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/files/file.h"
#include "base/status.h"
#include "nlohmann/json.hpp"
#include "train/events/event_stream.h"
#include "train/output/event_file.h"

namespace hone {

// The row of metrics.jsonl for a step whose report has `logged`, and for an evaluation: "step" and
// numbers, those of the objective under TRL's names ("rewards/margins", "eval_rewards/margins").
nlohmann::ordered_json MetricsRow(const StepReport& report);
nlohmann::ordered_json MetricsRow(const EvalReport& report);

// Adds the row of each logged step and each evaluation that it hears of. What cannot be written is
// an error of kind kTraining. As scalars the members are called train/KEY, or eval/KEY for
// eval_KEY.
class RunLog : public EventSink {
  public:
    // Replaces metrics.jsonl with `history` (the rows up to the checkpoint that the run continues
    // from; none: an empty file). events_folder empty: no event file. Errors of kind kTraining.
    static absl::StatusOr<std::unique_ptr<RunLog>> Open(
        const std::string& metrics_path, const std::string& events_folder,
        const std::vector<nlohmann::ordered_json>& history);

    absl::Status OnEvent(const Event& event) override;

  private:
    absl::Status Add(const nlohmann::ordered_json& row);
    std::unique_ptr<AppendFile> metrics_;
    std::unique_ptr<EventFile> events_;
};

}  // namespace hone
