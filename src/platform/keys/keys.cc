#include "platform/keys/keys.h"

#include "absl/strings/ascii.h"
#include "platform/api/checks.h"
#include "platform/store/database.h"
#include "platform/store/ids.h"
#include "platform/store/listing.h"

namespace hone::platform {
namespace {

constexpr std::string_view kPrefix = "sk-hone-";
constexpr size_t kLookupLength = 12;  // of the part that finds the key
constexpr size_t kSecretLength = 43;  // letters and digits: 256 bits
constexpr char kProjectColumns[] = "id, name, created_at";
constexpr char kUseColumns[] =
    "id, name, created_at, (select count(*) from api_keys where project = projects.id and "
    "revoked_at = 0), stored_files, (select count(*) from jobs where project = projects.id), "
    "stored_bytes";
constexpr char kKeyColumns[] = "id, project, name, role, hint, created_at, expires_at, revoked_at";
constexpr char kDefaultProject[] = "default";

struct KeyRow {
    ApiKey key;
    std::string role;
};
auto ColumnsOf(KeyRow& row) {
    ApiKey& key = row.key;
    return std::tie(key.id, key.project, key.name, row.role, key.hint, key.created_at,
                    key.expires_at, key.revoked_at);
}
absl::StatusOr<ApiKey> FromRow(KeyRow row) {
    HONE_ASSIGN_OR_RETURN(row.key.role, ParseRole(row.role));
    return std::move(row.key);
}

absl::Status CheckProjectName(const std::string& name) {
    bool plain = !name.empty() && name.size() <= 64;
    for (const char c : name)
        plain =
            plain && (absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_');
    if (plain) return absl::OkStatus();
    return InvalidField("name",
                        "a project's name is 1 to 64 letters, digits, \"-\" and \"_\", and \"{}\" "
                        "is not",
                        ShownId(name));
}

Project InsertProject(Sql& sql, const std::string& name, int64_t now) {
    const Project project{NewId("proj_"), name, now};
    sql.Run(
        "insert into projects (id, name, created_at, stored_bytes, stored_files) "
        "values (:id, :name, :created_at, 0, 0)",
        project.id, project.name, project.created_at);
    return project;
}

absl::StatusOr<Project> InsertNewProject(Sql& sql, const std::string& name, int64_t now) {
    int64_t there = 0;
    sql.First("select count(*) from projects where name = :name", std::tie(there), name);
    if (there > 0)
        return Refuse({RefusalKind::kConflict, "name", ""},
                      fmt::format("there is a project \"{}\" already: choose another name", name));
    return InsertProject(sql, name, now);
}

absl::Status RequireFirstProject(Sql& sql, const Caller& caller) {
    std::string first;
    sql.First("select id from projects order by seq limit 1", std::tie(first));
    if (first == caller.project) return absl::OkStatus();
    return Refuse({RefusalKind::kForbidden, "", "insufficient_permissions"},
                  "Projects are managed with an admin key of the server's first project, and this "
                  "key is of another one.");
}

CreatedKey InsertKey(Sql& sql, const Caller& caller, const NewKey& asked, int64_t now) {
    const std::string lookup = RandomName(kLookupLength), secret = RandomName(kSecretLength);
    CreatedKey created;
    ApiKey& key = created.key;
    key.id = NewId("key_");
    key.project = caller.project;
    key.name = asked.name;
    key.role = asked.role;
    key.hint = "..." + secret.substr(secret.size() - 4);
    key.created_at = now;
    key.expires_at = asked.expires_at;
    sql.Run(
        "insert into api_keys (id, project, name, role, lookup, hash, hint, created_at, "
        "expires_at, revoked_at) values (:id, :project, :name, :role, :lookup, :hash, :hint, "
        ":created_at, :expires_at, 0)",
        key.id, key.project, key.name, std::string(RoleName(key.role)), lookup, HashSecret(secret),
        key.hint, key.created_at, key.expires_at);
    NoteAudit(sql, now, caller, "key.create", key.id);
    created.secret = fmt::format("{}{}-{}", kPrefix, lookup, secret);
    return created;
}

absl::Status BadKey() {
    return Refuse({RefusalKind::kUnauthenticated, "", "invalid_api_key"},
                  "Incorrect API key provided. Make another one with `hone keys create`.");
}

}  // namespace

std::tuple<std::string&, std::string&, int64_t&> ColumnsOf(Project& project) {
    return std::tie(project.id, project.name, project.created_at);
}

// Found by its name among those of the platform (argument-dependent lookup).
static auto ColumnsOf(ProjectUse& use) {
    return std::tie(use.project.id, use.project.name, use.project.created_at, use.keys, use.files,
                    use.jobs, use.bytes);
}

absl::StatusOr<std::optional<CreatedKey>> Keys::CreateFirst() {
    using Result = absl::StatusOr<std::optional<CreatedKey>>;
    return services_.database.Write([&](Sql& sql) -> Result {
        int64_t projects = 0;
        sql.First("select count(*) from projects", std::tie(projects));
        if (projects > 0) return std::nullopt;
        const int64_t now = services_.Now();
        const Project project = InsertProject(sql, kDefaultProject, now);
        return InsertKey(sql, Operator(project.id), {"first", Role::kAdmin, 0}, now);
    });
}

absl::StatusOr<Project> Keys::CreateProject(const std::string& name) {
    HONE_RETURN_IF_ERROR(CheckProjectName(name));
    return services_.database.Write(
        [&](Sql& sql) { return InsertNewProject(sql, name, services_.Now()); });
}

absl::StatusOr<Project> Keys::CreateProject(const Caller& caller, const std::string& name) {
    HONE_RETURN_IF_ERROR(RequireRole(caller, Role::kAdmin));
    HONE_RETURN_IF_ERROR(CheckProjectName(name));
    return services_.database.Write([&](Sql& sql) -> absl::StatusOr<Project> {
        HONE_RETURN_IF_ERROR(RequireFirstProject(sql, caller));
        const int64_t now = services_.Now();
        HONE_ASSIGN_OR_RETURN(Project project, InsertNewProject(sql, name, now));
        NoteAudit(sql, now, caller, "project.create", project.id);
        return project;
    });
}

absl::StatusOr<Project> Keys::FindProject(const std::string& name_or_id) {
    return services_.database.Read([&](Sql& sql) -> absl::StatusOr<Project> {
        Project project;
        if (sql.First("select id, name, created_at from projects where name = :name or id = :id",
                      ColumnsOf(project), name_or_id, name_or_id))
            return project;
        return Refuse({RefusalKind::kNotFound, "project", ""},
                      fmt::format("there is no project \"{}\"", ShownId(name_or_id)));
    });
}

absl::StatusOr<std::vector<Project>> Keys::ListProjects() {
    return services_.database.Read([&](Sql& sql) -> absl::StatusOr<std::vector<Project>> {
        return sql.All<Project>(
            fmt::format("select {} from projects order by seq", kProjectColumns));
    });
}

absl::StatusOr<Page<ProjectUse>> Keys::ListProjects(const Caller& caller, const PageRequest& page) {
    HONE_RETURN_IF_ERROR(RequireRole(caller, Role::kAdmin));
    HONE_RETURN_IF_ERROR(CheckPage(page, 100));
    return services_.database.Read([&](Sql& sql) -> absl::StatusOr<Page<ProjectUse>> {
        HONE_RETURN_IF_ERROR(RequireFirstProject(sql, caller));
        return ListRows<ProjectUse>(sql, {kUseColumns, "projects"}, "seq > 0", page);
    });
}

absl::StatusOr<Caller> Keys::InProject(const Caller& caller, const std::string& project_id) {
    if (project_id.empty() || project_id == caller.project) return caller;
    HONE_RETURN_IF_ERROR(RequireRole(caller, Role::kAdmin));
    return services_.database.Read([&](Sql& sql) -> absl::StatusOr<Caller> {
        HONE_RETURN_IF_ERROR(RequireFirstProject(sql, caller));
        int64_t there = 0;
        sql.First("select count(*) from projects where id = :id", std::tie(there), project_id);
        if (there == 0)
            return InvalidField("project_id", "The project '{}' does not exist.",
                                ShownId(project_id));
        return Caller{project_id, caller.role, caller.key_id};
    });
}

absl::StatusOr<CreatedKey> Keys::Create(const Caller& caller, const NewKey& key) {
    HONE_RETURN_IF_ERROR(RequireRole(caller, Role::kAdmin));
    HONE_RETURN_IF_ERROR(CheckText("name", key.name, 0, 100));
    const int64_t now = services_.Now();
    if (key.expires_at != 0 && key.expires_at <= now)
        return InvalidField("expires_at", "'expires_at' must be in the future.");
    return services_.database.Write([&](Sql& sql) -> absl::StatusOr<CreatedKey> {
        int64_t keys = 0;
        sql.First("select count(*) from api_keys where project = :project and revoked_at = 0",
                  std::tie(keys), caller.project);
        if (keys >= services_.options.limits.keys)
            return Refuse(
                {RefusalKind::kLimit, "", "too_many_keys"},
                fmt::format("This project has {} keys, the most it may have: revoke one.", keys));
        return InsertKey(sql, caller, key, now);
    });
}

absl::StatusOr<Page<ApiKey>> Keys::List(const Caller& caller, const PageRequest& page) {
    HONE_RETURN_IF_ERROR(RequireRole(caller, Role::kAdmin));
    HONE_RETURN_IF_ERROR(CheckPage(page, 1000));
    return services_.database.Read([&](Sql& sql) -> absl::StatusOr<Page<ApiKey>> {
        const auto rows = ListRows<KeyRow>(sql, {kKeyColumns, "api_keys"}, "project = :project",
                                           page, caller.project);
        Page<ApiKey> keys{{}, rows.has_more};
        for (const KeyRow& row : rows.data) {
            HONE_ASSIGN_OR_RETURN(ApiKey key, FromRow(row));
            keys.data.push_back(std::move(key));
        }
        return keys;
    });
}

absl::StatusOr<ApiKey> Keys::Revoke(const Caller& caller, const std::string& key_id) {
    HONE_RETURN_IF_ERROR(RequireRole(caller, Role::kAdmin));
    return services_.database.Write([&](Sql& sql) -> absl::StatusOr<ApiKey> {
        const int64_t now = services_.Now();
        if (sql.Run("update api_keys set revoked_at = :now where id = :id and project = :project "
                    "and revoked_at = 0",
                    now, key_id, caller.project) > 0)
            NoteAudit(sql, now, caller, "key.revoke", key_id);
        KeyRow row;
        if (!sql.First(fmt::format("select {} from api_keys where id = :id and project = :project",
                                   kKeyColumns),
                       ColumnsOf(row), key_id, caller.project))
            return Refuse({RefusalKind::kNotFound, "id", ""},
                          fmt::format("No such API key: {}", ShownId(key_id)));
        return FromRow(std::move(row));
    });
}

absl::StatusOr<Caller> Keys::Authenticate(std::string_view secret) {
    if (!secret.starts_with(kPrefix)) return BadKey();
    secret.remove_prefix(kPrefix.size());
    if (secret.size() != kLookupLength + 1 + kSecretLength || secret[kLookupLength] != '-')
        return BadKey();
    const std::string lookup(secret.substr(0, kLookupLength));
    const std::string hash = HashSecret(secret.substr(kLookupLength + 1));
    return services_.database.ReadEach([&](Sql& sql) -> absl::StatusOr<Caller> {
        std::string stored, role;
        int64_t expires_at = 0, revoked_at = 0;
        Caller caller;
        if (!sql.First(
                "select id, project, role, hash, expires_at, revoked_at from api_keys "
                "where lookup = :lookup",
                std::tie(caller.key_id, caller.project, role, stored, expires_at, revoked_at),
                lookup))
            return BadKey();
        if (!EqualInConstantTime(stored, hash) || revoked_at != 0 ||
            (expires_at != 0 && expires_at <= services_.Now()))
            return BadKey();
        HONE_ASSIGN_OR_RETURN(caller.role, ParseRole(role));
        return caller;
    });
}

}  // namespace hone::platform
