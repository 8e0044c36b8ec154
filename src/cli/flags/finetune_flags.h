// The flags of `hone finetune` and `hone estimate`: every option of the table, and the file that
// may give the others.
#pragma once

#include <string>

#include "cli/flags/common_flags.h"
#include "train/resolve/model_choice.h"
#include "train/resolve/resolve.h"

namespace hone {

class FinetuneFlags {
  public:
    // An estimate writes nothing: it has no flags for that.
    enum class Purpose { kTrain, kEstimate };
    explicit FinetuneFlags(Purpose purpose = Purpose::kTrain) : purpose_(purpose) {}
    void Add(CLI::App& app);

    // What the command line says, over what the file of --config does.
    absl::StatusOr<GivenOptions> Given() const;
    // The options of a run, with what the command line has for it: notes on what was chosen, and
    // where data sets of the Hub come from. `folder`: where train.jsonl may lie.
    static absl::StatusOr<ResolvedOptions> Resolve(const GivenOptions& given,
                                                   const std::string& folder = ".");

    const LogFlags& log() const { return log_; }

  private:
    Purpose purpose_;
    GivenOptions given_;  // by flags
    std::string config_;
    LogFlags log_;
};

}  // namespace hone
