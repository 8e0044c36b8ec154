// run.json while the run lasts: from its first second, at each change of stage, at its end.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "train/events/event_stream.h"
#include "train/output/output_folder.h"
#include "train/output/run_files.h"

namespace hone {

// The folder may hold the run.json of an earlier run, which says how that one's result is asked and
// what its checkpoints belong to. A finished one stays, and so does one of other options beside its
// checkpoints, until this run has taken the folder up (Accept). One of the same options that did
// not finish is gone on with: what is not known yet of this run is kept from it.
class RunRecord : public EventSink {
  public:
    // Both outlive this. `facts` may grow until the run ends. `has_checkpoints`: the folder holds
    // some.
    RunRecord(const OutputFolder& folder, bool has_checkpoints, const RunFacts& facts);

    // Writes at each change of stage. What cannot be written is an error of kind kTraining, here
    // and below.
    absl::Status OnEvent(const Event& event) override;
    // The folder is this run's from now on; `result` tells how far it is.
    absl::Status Accept(std::function<RunResult()> result);
    // The end: `result` is whole.
    absl::Status Finish(const RunResult& result);
    // Another end, at the stage that was entered last.
    absl::Status End(RunStatus status, const absl::Status& why);
    // Makes run.json what it was before this run, or nothing; nothing is written any more.
    void Withdraw();

  private:
    absl::Status Write(const RunState& state, const RunResult* result);
    absl::Status Write(const RunState& state);

    const OutputFolder& folder_;
    const RunFacts& facts_;
    std::optional<std::string> before_;  // the file as it was found
    nlohmann::ordered_json kept_ = nlohmann::ordered_json::object();
    std::function<RunResult()> result_;
    RunStage stage_ = RunStage::kValidating;
    bool writes_ = false;  // the file is this run's
    bool written_ = false;
};

}  // namespace hone
