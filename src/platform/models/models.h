// Models by name: the bases, and what jobs made of them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "platform/api/caller.h"
#include "platform/api/records.h"
#include "platform/bases/bases.h"
#include "platform/store/services.h"

namespace hone::platform {

// A model that a job made.
struct NewModel {
    std::string id, project, base, job_id;
    std::string folder;  // what Keep returned
};

class Models {
  public:
    // Bases and their aliases, then the project's fine-tuned models, newest first, at most 10,000.
    absl::StatusOr<std::vector<Model>> List(const Caller& caller);
    // A base, an alias of one, or a model or checkpoint of the caller's project or one that it was
    // permitted to use; else kNotFound with the code model_not_found.
    absl::StatusOr<Model> Get(const Caller& caller, const std::string& id);
    // Where to load it from. The same refusals.
    absl::StatusOr<ModelPlace> Resolve(const Caller& caller, const std::string& id);
    // A fine-tuned model of the caller's project; needs the role member. A base is kForbidden, one
    // that a job continues kConflict. Its files go at once: who has them open keeps them.
    absl::Status Delete(const Caller& caller, const std::string& id);

    // The rest is for the other parts of the platform.
    //
    // Whether the base is still offered. In a transaction it stays so until that is done.
    bool HasBase(const std::string& name) const { return bases_.Find(name).has_value(); }
    // Links the two files of a PEFT folder into a new folder of the platform, and returns its name.
    // They last through a power cut.
    absl::StatusOr<std::string> Keep(const std::string& adapter);
    void Insert(Sql& sql, const NewModel& model);
    // Takes the model out of the store and returns its folder, for RemoveFolder after the
    // transaction.
    std::optional<std::string> Remove(Sql& sql, const std::string& id);
    void RemoveFolder(const std::string& folder) const;
    std::string FolderPath(const std::string& folder) const;
    // Removes folders that belong to no model, as a kill between two steps leaves them.
    absl::Status RemoveOrphans();

    Models(Services& services, const Bases& bases) : services_(services), bases_(bases) {}

  private:
    Services& services_;
    const Bases& bases_;
};

}  // namespace hone::platform
