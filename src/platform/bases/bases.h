// The base models that there are: those that the platform was opened with, and those that it
// fetched since (pulls.h).
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "platform/api/options.h"
#include "platform/store/services.h"

namespace hone::platform {

// Thread-safe.
class Bases {
  public:
    explicit Bases(Services& services) : services_(services), all_(services.options.models) {}

    // Adds those that were fetched before. One whose files are gone, or whose name the platform was
    // opened with, is left out.
    absl::Status Load();
    // In the order of the options, then as they were fetched.
    std::vector<BaseModel> All() const;
    // The one of that name or alias.
    std::optional<BaseModel> Find(const std::string& name) const;
    // Whether the one of that name was fetched: not one that the platform was opened with.
    bool WasFetched(const std::string& name) const;
    // Grows with each that is added or goes.
    int64_t version() const;

    // In the transaction that makes it last; Offer follows once that is done.
    void Insert(Sql& sql, const BaseModel& base);
    void Offer(const BaseModel& base);
    // In the transaction that takes a fetched one out for good: Find does not know it from there
    // on. Where that transaction fails, it is to be offered again. False: it is not there.
    bool Delete(Sql& sql, const std::string& name);

  private:
    Services& services_;
    mutable std::mutex mutex_;
    std::vector<BaseModel> all_;
    int64_t version_ = 0;
};

}  // namespace hone::platform
