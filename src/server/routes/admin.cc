// What OpenAI has in its dashboard alone: projects, and the keys, webhooks and audit log of one.
#include <utility>

#include "server/api/api.h"
#include "server/api/objects.h"
#include "server/api/paging.h"
#include "server/api/routes.h"

namespace hone::server {
namespace {

using platform::Platform;
using Json = nlohmann::ordered_json;

constexpr char kAdminSchemas[] = R"json({
  "Project": {
    "type": "object",
    "required": ["id", "object", "name", "created_at", "keys", "files", "jobs", "bytes"],
    "properties": {
      "id": {"type": "string"},
      "object": {"type": "string", "const": "project"},
      "name": {"type": "string"},
      "created_at": {"type": "integer"},
      "keys": {"description": "that were not revoked", "type": "integer"},
      "files": {"type": "integer"},
      "jobs": {"type": "integer"},
      "bytes": {"description": "of its files, and of the parts of its uploads", "type": "integer"}
    }
  },
  "CreateProjectRequest": {
    "type": "object",
    "required": ["name"],
    "additionalProperties": false,
    "properties": {
      "name": {"description": "1 to 64 letters, digits, \"-\" and \"_\"", "type": "string"}
    }
  },
  "ApiKey": {
    "type": "object",
    "required": ["id", "object", "project_id", "name", "role", "hint", "created_at", "expires_at", "revoked_at"],
    "properties": {
      "id": {"type": "string"},
      "object": {"type": "string", "const": "api_key"},
      "project_id": {"type": "string"},
      "name": {"type": "string"},
      "role": {"type": "string", "enum": ["viewer", "member", "admin"]},
      "hint": {"description": "the end of the secret", "type": "string"},
      "secret": {"description": "in the answer that creates the key alone", "type": "string"},
      "created_at": {"type": "integer"},
      "expires_at": {"type": ["integer", "null"]},
      "revoked_at": {"type": ["integer", "null"]}
    }
  },
  "CreateApiKeyRequest": {
    "type": "object",
    "additionalProperties": false,
    "properties": {
      "project_id": {"description": "without one, the project of the key that asks", "type": "string"},
      "name": {"type": "string", "maxLength": 100},
      "role": {"type": "string", "enum": ["viewer", "member", "admin"]},
      "expires_at": {"type": ["integer", "null"], "minimum": 1}
    }
  },
  "Webhook": {
    "type": "object",
    "required": ["id", "object", "url", "events", "created_at"],
    "properties": {
      "id": {"type": "string"},
      "object": {"type": "string", "const": "webhook"},
      "url": {"type": "string"},
      "events": {"type": "array", "items": {"type": "string"}},
      "secret": {"description": "in the answer that creates the webhook alone", "type": "string"},
      "created_at": {"type": "integer"}
    }
  },
  "CreateWebhookRequest": {
    "type": "object",
    "required": ["url"],
    "additionalProperties": false,
    "properties": {
      "url": {"type": "string", "minLength": 1, "maxLength": 2048},
      "events": {
        "type": "array",
        "maxItems": 3,
        "items": {
          "type": "string",
          "enum": ["fine_tuning.job.succeeded", "fine_tuning.job.failed", "fine_tuning.job.cancelled"]
        }
      }
    }
  },
  "AuditEntry": {
    "type": "object",
    "required": ["id", "object", "created_at", "key_id", "action", "target"],
    "properties": {
      "id": {"type": "string"},
      "object": {"type": "string", "const": "audit.entry"},
      "created_at": {"type": "integer"},
      "key_id": {"type": "string"},
      "action": {"type": "string"},
      "target": {"description": "the id of what it was done to", "type": "string"}
    }
  },
  "AdminList": {
    "type": "object",
    "required": ["object", "data", "has_more"],
    "properties": {
      "object": {"type": "string", "const": "list"},
      "data": {"type": "array", "items": {"type": "object"}},
      "first_id": {"type": ["string", "null"]},
      "last_id": {"type": ["string", "null"]},
      "has_more": {"type": "boolean"}
    }
  }
})json";

constexpr PageRules kAdminPages{.limit = 20};
constexpr PageRules kProjectPages{.limit = 20, .newest = false};

Json TimeOrNull(int64_t seconds) { return seconds == 0 ? Json(nullptr) : Json(seconds); }

Json ProjectJson(const platform::ProjectUse& use) {
    return {{"id", use.project.id},     {"object", "project"},
            {"name", use.project.name}, {"created_at", use.project.created_at},
            {"keys", use.keys},         {"files", use.files},
            {"jobs", use.jobs},         {"bytes", use.bytes}};
}

Json KeyJson(const platform::ApiKey& key) {
    return {{"id", key.id},
            {"object", "api_key"},
            {"project_id", key.project},
            {"name", key.name},
            {"role", RoleName(key.role)},
            {"hint", key.hint},
            {"created_at", key.created_at},
            {"expires_at", TimeOrNull(key.expires_at)},
            {"revoked_at", TimeOrNull(key.revoked_at)}};
}

Json WebhookJson(const platform::Webhook& webhook) {
    return {{"id", webhook.id},
            {"object", "webhook"},
            {"url", webhook.url},
            {"events", webhook.events},
            {"created_at", webhook.created_at}};
}

Json AuditJson(const platform::AuditEntry& entry) {
    return {{"id", entry.id},         {"object", "audit.entry"}, {"created_at", entry.created_at},
            {"key_id", entry.key_id}, {"action", entry.action},  {"target", entry.object}};
}

QueryParameter ProjectParameter() {
    return {"project_id", R"({"type": "string"})", "whose; without one, of the key that asks"};
}

// The caller in the project that the query names.
absl::StatusOr<platform::Caller> CallerInProject(Platform& platform, const Call& call) {
    const std::string* project = call.request.Query("project_id");
    return platform.keys().InProject(call.caller, project == nullptr ? std::string() : *project);
}

HttpResponse ListKeys(Platform& platform, const Call& call) {
    platform::PageRequest page;
    if (auto wrong = ReadPage(call.request, kAdminPages, page)) return *std::move(wrong);
    HONE_ASSIGN_OR_ANSWER(const platform::Caller caller, CallerInProject(platform, call));
    HONE_ASSIGN_OR_ANSWER(const auto keys, platform.keys().List(caller, page));
    return JsonResponse(ListJson(keys.data, keys.has_more, KeyJson));
}

HttpResponse RevokeKey(Platform& platform, const Call& call) {
    HONE_ASSIGN_OR_ANSWER(const platform::Caller caller, CallerInProject(platform, call));
    HONE_ASSIGN_OR_ANSWER(const platform::ApiKey key, platform.keys().Revoke(caller, call.path[0]));
    return JsonResponse(KeyJson(key));
}

HttpResponse CreateProject(Platform& platform, const Call& call) {
    HONE_ASSIGN_OR_ANSWER(
        platform::Project made,
        platform.keys().CreateProject(call.caller, call.body["name"].get<std::string>()));
    return JsonResponse(ProjectJson({.project = std::move(made)}));
}

HttpResponse CreateKey(Platform& platform, const Call& call) {
    platform::NewKey wanted{.name = call.body.value("name", "")};
    HONE_ASSIGN_OR_ANSWER(wanted.role, platform::ParseRole(call.body.value("role", "member")));
    const auto expiry = call.body.find("expires_at");
    if (expiry != call.body.end() && !expiry->is_null()) wanted.expires_at = expiry->get<int64_t>();
    HONE_ASSIGN_OR_ANSWER(
        const platform::Caller caller,
        platform.keys().InProject(call.caller, call.body.value("project_id", "")));
    HONE_ASSIGN_OR_ANSWER(const platform::CreatedKey made, platform.keys().Create(caller, wanted));
    Json json = KeyJson(made.key);
    json["secret"] = made.secret;
    return JsonResponse(json);
}

HttpResponse CreateWebhook(Platform& platform, const Call& call) {
    const auto events = call.body.value("events", std::vector<std::string>());
    HONE_ASSIGN_OR_ANSWER(
        const platform::CreatedWebhook made,
        platform.webhooks().Create(call.caller, call.body["url"].get<std::string>(), events));
    Json json = WebhookJson(made.webhook);
    json["secret"] = made.secret;
    return JsonResponse(json);
}

// GET of a list by pages: `list` is what the platform has, `to_json` an item of it.
template <typename List, typename ToJson>
void AddList(Router& router, std::string pattern, std::string operation, std::string summary,
             const PageRules& rules, List list, ToJson to_json) {
    router.Add({.method = "GET",
                .pattern = std::move(pattern),
                .operation = std::move(operation),
                .summary = std::move(summary),
                .access = Access::kAdmin,
                .query = PageParameters(rules),
                .response_schema = "AdminList",
                .handle = [rules, list, to_json](const Call& call) {
                    platform::PageRequest page;
                    if (auto wrong = ReadPage(call.request, rules, page)) return *std::move(wrong);
                    HONE_ASSIGN_OR_ANSWER(const auto items, list(call.caller, page));
                    return JsonResponse(ListJson(items.data, items.has_more, to_json));
                }});
}

void AddProjectRoutes(Router& router, Platform& platform) {
    AddList(
        router, "/api/projects", "listProjects",
        "the projects and what each holds, the oldest first; with a key of the first one",
        kProjectPages,
        [&platform](const platform::Caller& caller, const platform::PageRequest& page) {
            return platform.keys().ListProjects(caller, page);
        },
        ProjectJson);
    router.Add({.method = "POST",
                .pattern = "/api/projects",
                .operation = "createProject",
                .summary = "makes a project, which has no key yet; with a key of the first one",
                .access = Access::kAdmin,
                .body = BodyKind::kJson,
                .request_schema = "CreateProjectRequest",
                .response_schema = "Project",
                .handle = [&](const Call& call) { return CreateProject(platform, call); }});
}

void AddKeyRoutes(Router& router, Platform& platform) {
    std::vector<QueryParameter> listing = PageParameters(kAdminPages);
    listing.push_back(ProjectParameter());
    router.Add({.method = "GET",
                .pattern = "/api/keys",
                .operation = "listKeys",
                .summary = "the project's keys, without their secrets",
                .access = Access::kAdmin,
                .query = std::move(listing),
                .response_schema = "AdminList",
                .handle = [&](const Call& call) { return ListKeys(platform, call); }});
    router.Add({.method = "POST",
                .pattern = "/api/keys",
                .operation = "createKey",
                .summary = "makes a key, and shows its secret this once",
                .access = Access::kAdmin,
                .body = BodyKind::kJson,
                .request_schema = "CreateApiKeyRequest",
                .response_schema = "ApiKey",
                .handle = [&](const Call& call) { return CreateKey(platform, call); }});
    router.Add({.method = "DELETE",
                .pattern = "/api/keys/{key_id}",
                .operation = "revokeKey",
                .summary = "takes a key back",
                .access = Access::kAdmin,
                .query = {ProjectParameter()},
                .response_schema = "ApiKey",
                .handle = [&](const Call& call) { return RevokeKey(platform, call); }});
}

void AddWebhookRoutes(Router& router, Platform& platform) {
    AddList(
        router, "/api/webhooks", "listWebhooks", "who is told how jobs end", kAdminPages,
        [&platform](const platform::Caller& caller, const platform::PageRequest& page) {
            return platform.webhooks().List(caller, page);
        },
        WebhookJson);
    router.Add(
        {.method = "POST",
         .pattern = "/api/webhooks",
         .operation = "createWebhook",
         .summary = "tells a URL how jobs end, and shows the secret of its signatures this once",
         .access = Access::kAdmin,
         .body = BodyKind::kJson,
         .request_schema = "CreateWebhookRequest",
         .response_schema = "Webhook",
         .handle = [&](const Call& call) { return CreateWebhook(platform, call); }});
    router.Add({.method = "DELETE",
                .pattern = "/api/webhooks/{webhook_id}",
                .operation = "deleteWebhook",
                .summary = "tells it no more",
                .access = Access::kAdmin,
                .response_schema = "DeletedObject",
                .handle = [&](const Call& call) {
                    return DeletedResponse(platform.webhooks().Delete(call.caller, call.path[0]),
                                           call.path[0], "webhook");
                }});
}

}  // namespace

void AddAdminRoutes(Api& api, Platform& platform) {
    api.schemas().Add(kAdminSchemas);
    AddProjectRoutes(api.router(), platform);
    AddKeyRoutes(api.router(), platform);
    AddWebhookRoutes(api.router(), platform);
    AddList(
        api.router(), "/api/audit", "listAudit", "who changed what in the project", kAdminPages,
        [&platform](const platform::Caller& caller, const platform::PageRequest& page) {
            return platform.audit().List(caller, page);
        },
        AuditJson);
}

}  // namespace hone::server
