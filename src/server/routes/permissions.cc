// Who may use a checkpoint beside its own project.
#include <utility>

#include "server/api/api.h"
#include "server/api/objects.h"
#include "server/api/paging.h"
#include "server/api/routes.h"

namespace hone::server {
namespace {

using platform::Platform;

constexpr char kPermissionSchemas[] = R"json({
  "CheckpointPermission": {
    "type": "object",
    "required": ["id", "object", "created_at", "project_id"],
    "properties": {
      "id": {"type": "string"},
      "object": {"type": "string", "const": "checkpoint.permission"},
      "created_at": {"type": "integer"},
      "project_id": {"type": "string"}
    }
  },
  "CreateCheckpointPermissionRequest": {
    "type": "object",
    "required": ["project_ids"],
    "additionalProperties": false,
    "properties": {
      "project_ids": {
        "type": "array",
        "minItems": 1,
        "maxItems": 100,
        "items": {"type": "string", "minLength": 1, "maxLength": 256}
      }
    }
  },
  "ListCheckpointPermissionResponse": {
    "type": "object",
    "required": ["object", "data", "has_more"],
    "properties": {
      "object": {"type": "string", "const": "list"},
      "data": {"type": "array", "items": {"$ref": "#/components/schemas/CheckpointPermission"}},
      "first_id": {"type": ["string", "null"]},
      "last_id": {"type": ["string", "null"]},
      "has_more": {"type": "boolean"}
    }
  }
})json";

constexpr PageRules kPermissionPages{
    .limit = 10, .ordered = true, .oldest_first = "ascending", .newest_first = "descending"};
constexpr char kPermissions[] =
    "/v1/fine_tuning/checkpoints/{fine_tuned_model_checkpoint}/permissions";

HttpResponse PermissionList(const std::vector<platform::CheckpointPermission>& permissions,
                            bool has_more) {
    return JsonResponse(
        ListJson(permissions, has_more,
                 [](const platform::CheckpointPermission& one) { return ToJson(one); }));
}

HttpResponse List(Platform& platform, const Call& call) {
    platform::PageRequest page;
    if (auto wrong = ReadPage(call.request, kPermissionPages, page)) return *std::move(wrong);
    const std::string* project = call.request.Query("project_id");
    HONE_ASSIGN_OR_ANSWER(
        const auto permissions,
        platform.jobs().Permissions(call.caller, call.path[0], project ? *project : "", page));
    return PermissionList(permissions.data, permissions.has_more);
}

HttpResponse Permit(Platform& platform, const Call& call) {
    const auto projects = call.body["project_ids"].get<std::vector<std::string>>();
    HONE_ASSIGN_OR_ANSWER(const auto permissions,
                          platform.jobs().Permit(call.caller, call.path[0], projects));
    return PermissionList(permissions, false);
}

}  // namespace

void AddPermissionRoutes(Api& api, Platform& platform) {
    api.schemas().Add(kPermissionSchemas);
    Router& router = api.router();
    std::vector<QueryParameter> listing = PageParameters(kPermissionPages);
    listing.push_back({"project_id", R"({"type": "string"})", "only this project's"});
    router.Add({.method = "GET",
                .pattern = kPermissions,
                .operation = "listFineTuningCheckpointPermissions",
                .summary = "which other projects may use a checkpoint",
                .access = Access::kAdmin,
                .query = std::move(listing),
                .response_schema = "ListCheckpointPermissionResponse",
                .handle = [&](const Call& call) { return List(platform, call); }});
    router.Add({.method = "POST",
                .pattern = kPermissions,
                .operation = "createFineTuningCheckpointPermission",
                .summary = "lets other projects use a checkpoint",
                .access = Access::kAdmin,
                .body = BodyKind::kJson,
                .request_schema = "CreateCheckpointPermissionRequest",
                .response_schema = "ListCheckpointPermissionResponse",
                .handle = [&](const Call& call) { return Permit(platform, call); }});
    router.Add({.method = "DELETE",
                .pattern = std::string(kPermissions) + "/{permission_id}",
                .operation = "deleteFineTuningCheckpointPermission",
                .summary = "takes a permission back",
                .access = Access::kAdmin,
                .response_schema = "DeletedObject",
                .handle = [&](const Call& call) {
                    return DeletedResponse(
                        platform.jobs().Forbid(call.caller, call.path[0], call.path[1]),
                        call.path[1], "checkpoint.permission");
                }});
}

}  // namespace hone::server
