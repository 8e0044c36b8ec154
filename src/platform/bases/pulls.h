// Fetching base models while the platform runs, one after another, as `hone models pull` does, and
// removing them again.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "hub/hub.h"
#include "platform/api/caller.h"
#include "platform/api/page.h"
#include "platform/api/records.h"
#include "platform/bases/bases.h"
#include "platform/store/services.h"

namespace hone::platform {

// A model that could be fetched by its name.
struct CatalogueModel {
    std::string name, repo;
    std::string parameters, kind, context, licence;  // as the catalogue has them: "135 M"
    bool gated = false;
    bool is_base = false;      // it is one here already
    int64_t cached_bytes = 0;  // of it that lie in the cache
};

struct RemovedBase {
    std::string path;         // where its files lay
    int64_t freed_bytes = 0;  // 0: they stay there, for instance in Hugging Face's cache
};

// All need the role admin: a base is there for every project. Every caller sees the same pulls.
class Pulls {
  public:
    Pulls(Services& services, Bases& bases) : services_(services), bases_(bases) {}
    ~Pulls() { Stop(); }

    // The models that have a name, in the catalogue's order.
    absl::StatusOr<std::vector<CatalogueModel>> Catalogue(const Caller& caller) const;
    // `source`: a name of the catalogue, or org/repo of the Hub. A refusal where it is neither, is
    // a base already, or is being fetched.
    absl::StatusOr<Pull> Create(const Caller& caller, const std::string& source);
    absl::StatusOr<Pull> Get(const Caller& caller, const std::string& id);
    // Limit 0 to 100.
    absl::StatusOr<Page<Pull>> List(const Caller& caller, const PageRequest& page);
    // What has come stays in the cache, and another pull of the same model goes on from there.
    // kConflict where the pull is over.
    absl::StatusOr<Pull> Cancel(const Caller& caller, const std::string& id);

    // Takes a base that was fetched away from every project, and its files out of hone's cache; who
    // has them open keeps them. A refusal (kConflict) where it was not fetched, its files are those
    // of another base too, a job that is not over uses it, or fine-tuned models stand on it.
    absl::StatusOr<RemovedBase> Remove(const Caller& caller, const std::string& name);

    // From Start to Stop what is asked for is fetched. A pull that Stop, or the end of the process,
    // breaks off goes on at the next Start.
    void Start();
    void Stop();

  private:
    void Run();
    // The next one that is not over, now running; none: its id is empty.
    absl::StatusOr<Pull> TakeNext();
    // Fetches it, and writes what came of it.
    absl::Status Fetch(const Pull& pull);
    // The model's path, or why there is none.
    absl::StatusOr<std::string> FetchFiles(const Pull& pull);
    void SetProgress(const PullProgress& progress);
    // Takes the base out of the store, or says what needs it.
    absl::Status TakeOut(const Caller& caller, const BaseModel& base);
    // Returns the bytes that are free again.
    int64_t RemoveFiles(const BaseModel& base, const HubOptions& hub);
    // With what is known of the one that runs.
    Pull Shown(Pull pull) const;

    Services& services_;
    Bases& bases_;
    std::thread thread_;
    mutable std::mutex mutex_;  // of what follows
    std::condition_variable changed_;
    bool ending_ = false, asked_ = false;
    std::string running_;  // its id; empty: none
    bool cancelled_ = false;
    std::set<std::string> removing_;  // names that no pull may take meanwhile
    PullProgress progress_;
};

}  // namespace hone::platform
