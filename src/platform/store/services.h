// What the parts of the platform share.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "platform/api/caller.h"
#include "platform/api/options.h"

namespace hone::platform {

class Database;
class Sql;

// Tells listeners which job changed. Safe to use from many threads.
class Bulletin {
  public:
    using Listener = std::function<void(const std::string& project, const std::string& job_id)>;
    // The listener hears until what is returned goes, which waits for a call that is in progress.
    std::shared_ptr<void> Listen(Listener listener);
    void Post(const std::string& project, const std::string& job_id) const;

  private:
    struct Entry {
        std::mutex mutex;   // while it is called
        Listener listener;  // empty: it does not listen any more
    };
    struct Entries {
        std::mutex mutex;
        std::vector<std::shared_ptr<Entry>> all;
    };
    std::shared_ptr<Entries> entries_ = std::make_shared<Entries>();
};

// Outlives every part that holds a reference to it.
struct Services {
    PlatformOptions options;  // with nothing left open
    Database& database;
    Bulletin bulletin;

    int64_t Now() const { return options.clock(); }
};

// Notes in the transaction who did what to which object.
void NoteAudit(Sql& sql, int64_t now, const Caller& caller, std::string_view action,
               std::string_view object);

}  // namespace hone::platform
