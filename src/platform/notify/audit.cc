#include "platform/notify/audit.h"

#include "platform/store/database.h"
#include "platform/store/listing.h"

namespace hone::platform {

std::tuple<std::string&, int64_t&, std::string&, std::string&, std::string&> ColumnsOf(
    AuditEntry& entry) {
    return std::tie(entry.id, entry.created_at, entry.key_id, entry.action, entry.object);
}

absl::StatusOr<Page<AuditEntry>> AuditLog::List(const Caller& caller, const PageRequest& page) {
    HONE_RETURN_IF_ERROR(RequireRole(caller, Role::kAdmin));
    HONE_RETURN_IF_ERROR(CheckPage(page, 100));
    return services_.database.Read([&](Sql& sql) -> absl::StatusOr<Page<AuditEntry>> {
        return ListRows<AuditEntry>(sql, {"id, created_at, key_id, action, object", "audit"},
                                    "project = :project", page, caller.project);
    });
}

}  // namespace hone::platform
