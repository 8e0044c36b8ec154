#include "platform/models/models.h"

#include <filesystem>

#include "base/files/file.h"
#include "base/log.h"
#include "platform/api/checks.h"
#include "platform/api/refusal.h"
#include "platform/store/database.h"
#include "platform/store/ids.h"

namespace hone::platform {
namespace {

constexpr int64_t kMostListed = 10'000;
constexpr size_t kFolderName = 24;

struct ModelRow {
    Model model;
    std::string project, base, folder;
};
auto ColumnsOf(ModelRow& row) {
    return std::tie(row.model.id, row.model.created_at, row.model.job_id, row.project, row.base,
                    row.folder);
}
constexpr char kColumns[] = "id, created_at, job_id, project, base, folder";

absl::Status NoSuchModel(const std::string& id) {
    return Refuse(
        {RefusalKind::kNotFound, "model", "model_not_found"},
        fmt::format("The model '{}' does not exist or you do not have access to it.", ShownId(id)));
}

// Of the project, or permitted to it.
absl::StatusOr<ModelRow> FindModel(Sql& sql, const std::string& project, const std::string& id) {
    ModelRow row;
    if (sql.First(fmt::format("select {} from models where id = :id and (project = :project or "
                              "exists (select 1 from checkpoint_permissions as p where "
                              "p.model = models.id and p.project = :guest))",
                              kColumns),
                  ColumnsOf(row), id, project, project))
        return row;
    return NoSuchModel(id);
}

}  // namespace

std::string Models::FolderPath(const std::string& folder) const {
    return fmt::format("{}/models/{}", services_.options.data_dir, folder);
}

absl::StatusOr<std::vector<Model>> Models::List(const Caller& caller) {
    std::vector<Model> models;
    for (const BaseModel& base : bases_.All()) models.push_back({base.name, 0, "system", ""});
    for (const auto& [alias, name] : services_.options.aliases)
        models.push_back({alias, 0, "system", ""});
    return services_.database.Read([&](Sql& sql) -> absl::StatusOr<std::vector<Model>> {
        for (ModelRow& row : sql.All<ModelRow>(
                 fmt::format("select {} from models where project = :project or id in (select "
                             "model from checkpoint_permissions where project = :guest) "
                             "order by seq desc limit :most",
                             kColumns),
                 caller.project, caller.project, kMostListed)) {
            row.model.owned_by = services_.options.organization;
            models.push_back(std::move(row.model));
        }
        return models;
    });
}

absl::StatusOr<Model> Models::Get(const Caller& caller, const std::string& id) {
    if (bases_.Find(id)) return Model{id, 0, "system", ""};
    return services_.database.Read([&](Sql& sql) -> absl::StatusOr<Model> {
        HONE_ASSIGN_OR_RETURN(ModelRow row, FindModel(sql, caller.project, id));
        row.model.owned_by = services_.options.organization;
        return std::move(row.model);
    });
}

absl::StatusOr<ModelPlace> Models::Resolve(const Caller& caller, const std::string& id) {
    if (const auto base = bases_.Find(id))
        return ModelPlace{base->name, base->name, base->path, ""};
    ModelRow row;
    HONE_RETURN_IF_ERROR(services_.database.Read([&](Sql& sql) -> absl::Status {
        HONE_ASSIGN_OR_RETURN(row, FindModel(sql, caller.project, id));
        return absl::OkStatus();
    }));
    const auto base = bases_.Find(row.base);
    if (!base)
        return Refuse({RefusalKind::kNotFound, "model", "model_not_found"},
                      fmt::format("The model '{}' was trained from '{}', which this server does "
                                  "not offer any more.",
                                  id, row.base));
    return ModelPlace{id, base->name, base->path, FolderPath(row.folder)};
}

absl::Status Models::Delete(const Caller& caller, const std::string& id) {
    HONE_RETURN_IF_ERROR(RequireRole(caller, Role::kMember));
    if (bases_.Find(id))
        return Refuse(
            {RefusalKind::kForbidden, "model", ""},
            fmt::format("'{}' is a base model: only fine-tuned models can be deleted.", id));
    HONE_ASSIGN_OR_RETURN(
        const std::string folder,
        services_.database.Write([&](Sql& sql) -> absl::StatusOr<std::string> {
            HONE_ASSIGN_OR_RETURN(const ModelRow row, FindModel(sql, caller.project, id));
            if (row.project != caller.project) return NoSuchModel(id);
            std::string job;
            if (sql.First("select id from jobs where model = :model and status in "
                          "('validating_files', 'queued', 'running', 'paused') limit 1",
                          std::tie(job), id))
                return Refuse(
                    {RefusalKind::kConflict, "model", "model_in_use"},
                    fmt::format("The job {} continues this model: cancel it first.", job));
            sql.Run("delete from models where id = :id", id);
            NoteAudit(sql, services_.Now(), caller, "model.delete", id);
            return row.folder;
        }));
    RemoveFolder(folder);
    return absl::OkStatus();
}

absl::StatusOr<std::string> Models::Keep(const std::string& adapter) {
    const std::string folder = RandomName(kFolderName), path = FolderPath(folder);
    HONE_RETURN_IF_ERROR(MakeDirectories(path));
    for (const char* name : {"adapter_config.json", "adapter_model.safetensors"}) {
        std::error_code error;
        std::filesystem::create_hard_link(fmt::format("{}/{}", adapter, name),
                                          fmt::format("{}/{}", path, name), error);
        if (error) {
            RemoveFolder(folder);
            return OtherError("cannot keep {}/{}: {}", adapter, name, error.message());
        }
    }
    HONE_RETURN_IF_ERROR(SyncDirectory(path));
    HONE_RETURN_IF_ERROR(SyncDirectory(services_.options.data_dir + "/models"));
    return folder;
}

void Models::Insert(Sql& sql, const NewModel& model) {
    sql.Run(
        "insert into models (id, project, created_at, base, job_id, folder) values (:id, :project, "
        ":created_at, :base, :job, :folder)",
        model.id, model.project, services_.Now(), model.base, model.job_id, model.folder);
}

std::optional<std::string> Models::Remove(Sql& sql, const std::string& id) {
    std::string folder;
    if (!sql.First("select folder from models where id = :id", std::tie(folder), id))
        return std::nullopt;
    sql.Run("delete from models where id = :id", id);
    return folder;
}

void Models::RemoveFolder(const std::string& folder) const {
    std::error_code error;
    std::filesystem::remove_all(FolderPath(folder), error);
    if (error) spdlog::error("cannot remove {}: {}", FolderPath(folder), error.message());
}

absl::Status Models::RemoveOrphans() {
    std::error_code error;
    for (const auto& entry :
         std::filesystem::directory_iterator(services_.options.data_dir + "/models", error)) {
        const std::string folder = entry.path().filename();
        HONE_ASSIGN_OR_RETURN(const bool used,
                              services_.database.Read([&](Sql& sql) -> absl::StatusOr<bool> {
                                  int64_t count = 0;
                                  sql.First("select count(*) from models where folder = :folder",
                                            std::tie(count), folder);
                                  return count > 0;
                              }));
        if (!used) RemoveFolder(folder);
    }
    return absl::OkStatus();
}

}  // namespace hone::platform
