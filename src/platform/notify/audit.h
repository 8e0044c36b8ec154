// Who did what.
#pragma once

#include <string>

#include "platform/api/caller.h"
#include "platform/api/page.h"
#include "platform/api/records.h"
#include "platform/store/services.h"

namespace hone::platform {

class AuditLog {
  public:
    // Every change that a caller made in the project, whatever came of it later; needs the role
    // admin. Limit 0 to 100.
    absl::StatusOr<Page<AuditEntry>> List(const Caller& caller, const PageRequest& page);

    explicit AuditLog(Services& services) : services_(services) {}

  private:
    Services& services_;
};

}  // namespace hone::platform
