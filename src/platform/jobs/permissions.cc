// Checkpoint permissions: which other projects may use a model.
#include "platform/api/checks.h"
#include "platform/api/refusal.h"
#include "platform/jobs/jobs.h"
#include "platform/store/database.h"
#include "platform/store/ids.h"
#include "platform/store/listing.h"

namespace hone::platform {
namespace {

constexpr int64_t kMaxPermissionsAtOnce = 100;
constexpr size_t kMaxProjects = 100;  // of one request

}  // namespace

std::tuple<std::string&, int64_t&, std::string&> ColumnsOf(CheckpointPermission& permission) {
    return std::tie(permission.id, permission.created_at, permission.project_id);
}

namespace {

// A model of the caller's own project.
absl::Status CheckOwn(Sql& sql, const Caller& caller, const std::string& model) {
    std::string id;
    if (sql.First("select id from models where id = :id and project = :project", std::tie(id),
                  model, caller.project))
        return absl::OkStatus();
    return Refuse({RefusalKind::kNotFound, "fine_tuned_model_checkpoint", "model_not_found"},
                  fmt::format("The checkpoint '{}' does not exist.", ShownId(model)));
}

constexpr char kColumns[] = "id, created_at, project";

}  // namespace

absl::StatusOr<Page<CheckpointPermission>> Jobs::Permissions(const Caller& caller,
                                                             const std::string& checkpoint_model,
                                                             const std::string& project_id,
                                                             const PageRequest& page) {
    HONE_RETURN_IF_ERROR(RequireRole(caller, Role::kAdmin));
    HONE_RETURN_IF_ERROR(CheckPage(page, kMaxPermissionsAtOnce));
    using Result = absl::StatusOr<Page<CheckpointPermission>>;
    return services_.database.Read([&](Sql& sql) -> Result {
        HONE_RETURN_IF_ERROR(CheckOwn(sql, caller, checkpoint_model));
        if (project_id.empty())
            return ListRows<CheckpointPermission>(sql, {kColumns, "checkpoint_permissions"},
                                                  "model = :model", page, checkpoint_model);
        return ListRows<CheckpointPermission>(sql, {kColumns, "checkpoint_permissions"},
                                              "model = :model and project = :project", page,
                                              checkpoint_model, project_id);
    });
}

absl::StatusOr<std::vector<CheckpointPermission>> Jobs::Permit(
    const Caller& caller, const std::string& checkpoint_model,
    const std::vector<std::string>& project_ids) {
    HONE_RETURN_IF_ERROR(RequireRole(caller, Role::kAdmin));
    if (project_ids.empty() || project_ids.size() > kMaxProjects)
        return InvalidField("project_ids", "'project_ids' must hold 1 to {} ids.", kMaxProjects);
    using Result = absl::StatusOr<std::vector<CheckpointPermission>>;
    return services_.database.Write([&](Sql& sql) -> Result {
        HONE_RETURN_IF_ERROR(CheckOwn(sql, caller, checkpoint_model));
        const int64_t now = services_.Now();
        std::vector<CheckpointPermission> permissions;
        for (const std::string& project : project_ids) {
            std::string there;
            if (!sql.First("select id from projects where id = :id", std::tie(there), project))
                return InvalidField("project_ids", "The project '{}' does not exist.",
                                    ShownId(project));
            CheckpointPermission permission;
            const std::string find = fmt::format(
                "select {} from checkpoint_permissions where model = :model and project = :project",
                kColumns);
            if (!sql.First(find, ColumnsOf(permission), checkpoint_model, project)) {
                permission = {NewId("cp_"), now, project};
                sql.Run(
                    "insert into checkpoint_permissions (id, model, project, created_at) values "
                    "(:id, :model, :project, :created_at)",
                    permission.id, checkpoint_model, project, now);
                NoteAudit(sql, now, caller, "checkpoint_permission.create", permission.id);
            }
            permissions.push_back(std::move(permission));
        }
        return permissions;
    });
}

absl::Status Jobs::Forbid(const Caller& caller, const std::string& checkpoint_model,
                          const std::string& permission_id) {
    HONE_RETURN_IF_ERROR(RequireRole(caller, Role::kAdmin));
    return services_.database.Write([&](Sql& sql) -> absl::Status {
        HONE_RETURN_IF_ERROR(CheckOwn(sql, caller, checkpoint_model));
        if (sql.Run("delete from checkpoint_permissions where id = :id and model = :model",
                    permission_id, checkpoint_model) == 0)
            return Refuse({RefusalKind::kNotFound, "permission_id", ""},
                          fmt::format("No such checkpoint permission: {}", ShownId(permission_id)));
        NoteAudit(sql, services_.Now(), caller, "checkpoint_permission.delete", permission_id);
        return absl::OkStatus();
    });
}

}  // namespace hone::platform
