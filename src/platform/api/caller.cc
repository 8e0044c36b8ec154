#include "platform/api/caller.h"

#include "platform/api/refusal.h"

namespace hone::platform {

std::string_view RoleName(Role role) {
    switch (role) {
        case Role::kViewer:
            return "viewer";
        case Role::kMember:
            return "member";
        case Role::kAdmin:
            break;
    }
    return "admin";
}

absl::StatusOr<Role> ParseRole(std::string_view text) {
    for (const Role role : {Role::kViewer, Role::kMember, Role::kAdmin})
        if (text == RoleName(role)) return role;
    return InvalidField("role", "'{}' is no role; there are admin, member and viewer", text);
}

absl::Status RequireRole(const Caller& caller, Role role) {
    if (caller.role >= role) return absl::OkStatus();
    return Refuse({RefusalKind::kForbidden, "", "insufficient_permissions"},
                  fmt::format("This key has the role {}, and this needs the role {}.",
                              RoleName(caller.role), RoleName(role)));
}

}  // namespace hone::platform
