// Fine-tuned models merged into their bases, each by a child process (`hone merge`).
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "platform/api/records.h"
#include "platform/store/services.h"

namespace hone::platform {

// A merged model on the disk, in Hugging Face's layout. It goes with this object.
class MergedModel {
  public:
    explicit MergedModel(std::string parent) : parent_(std::move(parent)) {}
    ~MergedModel();
    MergedModel(const MergedModel&) = delete;
    MergedModel& operator=(const MergedModel&) = delete;
    std::string folder() const { return parent_ + "/model"; }

  private:
    const std::string parent_;  // with the child's log
};

class Merging {
  public:
    explicit Merging(Services& services) : services_(services) {}

    // Reads the base and writes a model of its size, and takes as long as that. The child reads
    // back what it wrote (deploy/merge.h). `place` has an adapter. One runs at a time; while it
    // does, another is kUnavailable.
    absl::StatusOr<std::unique_ptr<MergedModel>> Merge(const ModelPlace& place);
    // Removes what a process that was killed left there.
    void RemoveLeftovers();

  private:
    std::string Root() const { return services_.options.data_dir + "/merging"; }

    Services& services_;
    std::mutex running_;
};

}  // namespace hone::platform
