// Who asks: what an API key stands for.
#pragma once

#include <string>
#include <string_view>

#include "base/status.h"

namespace hone::platform {

// Each may do what the ones before it may.
enum class Role {
    kViewer,  // reads, and uses models
    kMember,  // also uploads, creates, cancels and deletes
    kAdmin,   // also the project's keys, checkpoint permissions, webhooks and audit log
};
std::string_view RoleName(Role role);                   // "viewer"
absl::StatusOr<Role> ParseRole(std::string_view text);  // a refusal lists the names

struct Caller {
    std::string project;  // its id: everything that the caller sees is of this project
    Role role = Role::kViewer;
    std::string key_id;  // for the audit log: "key_..."; "operator" for who sits at the machine
};

// Who sits at the machine, acting for a project.
inline Caller Operator(std::string project) {
    return {std::move(project), Role::kAdmin, "operator"};
}

// A refusal (kForbidden) where the caller's role is below that.
absl::Status RequireRole(const Caller& caller, Role role);

}  // namespace hone::platform
