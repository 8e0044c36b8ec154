// OUT: the one folder that a run writes to.
//
//   adapter/      the result, in PEFT's format    metrics.jsonl  one line per log and evaluation
//   model/        of --method full instead        run.json       what ran, on what, how it ended
//   checkpoints/  step-N, see checkpoint.h        README.md      the model card
//   logs/         TensorBoard event files         loss.svg       the loss curve
//   config.json   on request
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/status.h"

namespace hone {

class OutputFolder {
  public:
    // Makes the folder, or takes one that is empty or holds a run of hone's (its run.json or
    // config.json says so); a usage error when it holds something else, is no folder, cannot be
    // made, or another process is at work in it. Held until the object goes;
    // a folder that it made and that is still empty then goes too.
    static absl::StatusOr<std::unique_ptr<OutputFolder>> Claim(const std::string& path);
    ~OutputFolder();
    OutputFolder(const OutputFolder&) = delete;
    OutputFolder& operator=(const OutputFolder&) = delete;

    const std::string& path() const { return path_; }
    // `name` is "adapter" or "model".
    std::string artifact(const std::string& name) const { return path_ + "/" + name; }
    std::string checkpoints() const { return path_ + "/checkpoints"; }
    std::string metrics() const { return path_ + "/metrics.jsonl"; }
    std::string logs() const { return path_ + "/logs"; }
    std::string run_json() const { return path_ + "/run.json"; }
    std::string config_json() const { return path_ + "/config.json"; }
    std::string card() const { return path_ + "/README.md"; }
    std::string loss_curve() const { return path_ + "/loss.svg"; }

    // artifact(name) = what `write` puts into the folder that it is given: all of it, or what was
    // there before. Errors are of kind kTraining, but kInterrupted of `write` stays so.
    absl::Status Replace(const std::string& name,
                         const std::function<absl::Status(const std::string& folder)>& write) const;

  private:
    OutputFolder(std::string path, int lock, bool made)
        : path_(std::move(path)), lock_(lock), made_(made) {}
    std::string path_;
    int lock_;
    bool made_;
};

}  // namespace hone
