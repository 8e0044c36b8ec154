// Fetching base models while the platform runs, one after another, as `hone models pull` does.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
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
    PullProgress progress_;
};

}  // namespace hone::platform
