// Models by name: the bases that the platform was opened with, and what jobs made of them.
#pragma once

#include <string>
#include <vector>

#include "platform/api/caller.h"
#include "platform/api/records.h"
#include "platform/store/services.h"

namespace hone::platform {

class Models {
  public:
    // Bases and their aliases, then the project's fine-tuned models, newest first, at most 10,000.
    absl::StatusOr<std::vector<Model>> List(const Caller& caller);
    // A base, an alias of one, or a model or checkpoint of the caller's project or one that it was
    // permitted to use; else kNotFound with the code model_not_found.
    absl::StatusOr<Model> Get(const Caller& caller, const std::string& id);
    // Where to load it from. The same refusals.
    absl::StatusOr<ModelPlace> Resolve(const Caller& caller, const std::string& id);
    // A fine-tuned model of the caller's project; needs the role member. A base is kForbidden. Its
    // files go once nobody resolves it any more.
    absl::Status Delete(const Caller& caller, const std::string& id);

    explicit Models(Services& services) : services_(services) {}

  private:
    Services& services_;
};

}  // namespace hone::platform
