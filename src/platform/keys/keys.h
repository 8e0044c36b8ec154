// Projects, and the keys with which programs speak for them.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "platform/api/caller.h"
#include "platform/api/page.h"
#include "platform/api/records.h"
#include "platform/store/services.h"

namespace hone::platform {

struct NewKey {
    std::string name;  // at most 100 bytes; may be empty
    Role role = Role::kMember;
    int64_t expires_at = 0;  // Unix seconds, in the future; 0: never
};

struct CreatedKey {
    ApiKey key;
    std::string secret;  // shown this once: only its hash is kept
};

// A project with what it holds.
struct ProjectUse {
    Project project;
    int64_t keys = 0;  // that were not revoked
    int64_t files = 0, jobs = 0;
    int64_t bytes = 0;  // of its files, and of the parts of its uploads
};

// A secret is "sk-hone-", the public part that finds the key, "-", and 256 random bits. What is
// stored of the latter is a BLAKE2b hash (libsodium's generichash), compared in constant time.
class Keys {
  public:
    // Where there is no project yet: the project "default" and an admin key of it, else nothing.
    absl::StatusOr<std::optional<CreatedKey>> CreateFirst();

    // For who sits at the machine. A name is 1 to 64 letters, digits, "-" and "_", and new.
    absl::StatusOr<Project> CreateProject(const std::string& name);
    absl::StatusOr<Project> FindProject(const std::string& name_or_id);
    absl::StatusOr<std::vector<Project>> ListProjects();

    // For admins of the first project that there was, who speak for the whole server; other admins
    // are refused (kForbidden). The oldest one is the first. Limit 0 to 100.
    absl::StatusOr<Page<ProjectUse>> ListProjects(const Caller& caller, const PageRequest& page);
    absl::StatusOr<Project> CreateProject(const Caller& caller, const std::string& name);
    // The caller as one of that project, for what follows: so keys of another project are made,
    // listed and revoked, and its audit log has it. Empty, or the caller's own: as it is, for
    // everyone.
    absl::StatusOr<Caller> InProject(const Caller& caller, const std::string& project_id);

    // Of the caller's project; all three need the role admin.
    absl::StatusOr<CreatedKey> Create(const Caller& caller, const NewKey& key);
    absl::StatusOr<Page<ApiKey>> List(const Caller& caller, const PageRequest& page);
    // A key that is revoked is refused from the next request on. Twice is no error.
    absl::StatusOr<ApiKey> Revoke(const Caller& caller, const std::string& key_id);

    // Whom the secret stands for. A refusal (kUnauthenticated, code invalid_api_key) says the same
    // for a key that never was, was revoked or has expired, and holds no part of the secret.
    absl::StatusOr<Caller> Authenticate(std::string_view secret);

    explicit Keys(Services& services) : services_(services) {}

  private:
    Services& services_;
};

}  // namespace hone::platform
