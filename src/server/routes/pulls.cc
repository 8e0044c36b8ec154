// Base models that are fetched while the server runs: for the dashboard, with an admin key.
#include <utility>

#include "server/api/api.h"
#include "server/api/objects.h"
#include "server/api/paging.h"
#include "server/api/routes.h"

namespace hone::server {
namespace {

using platform::Platform;
using Json = nlohmann::ordered_json;

constexpr char kPullSchemas[] = R"json({
  "CatalogueModel": {
    "type": "object",
    "required": [
      "id", "object", "repository", "parameters", "kind", "context", "licence", "gated", "is_base", "cached_bytes"
    ],
    "properties": {
      "id": {"description": "its name", "type": "string"},
      "object": {"type": "string", "const": "catalogue.model"},
      "repository": {"description": "on the Hugging Face Hub", "type": "string"},
      "parameters": {"description": "\"135 M\"", "type": "string"},
      "kind": {"type": "string", "enum": ["chat", "base"]},
      "context": {"description": "\"8k\"", "type": "string"},
      "licence": {"type": "string"},
      "gated": {"description": "the licence is to be accepted on the Hub first", "type": "boolean"},
      "is_base": {"description": "it is a base model here already", "type": "boolean"},
      "cached_bytes": {"description": "of it that lie on this machine", "type": "integer"}
    }
  },
  "ListCatalogueResponse": {
    "type": "object",
    "required": ["object", "data"],
    "properties": {
      "object": {"type": "string", "const": "list"},
      "data": {"type": "array", "items": {"$ref": "#/components/schemas/CatalogueModel"}}
    }
  },
  "CreatePullRequest": {
    "type": "object",
    "required": ["model"],
    "additionalProperties": false,
    "properties": {
      "model": {
        "description": "a name of the catalogue, or a repository of the Hugging Face Hub (org/name)",
        "type": "string",
        "minLength": 1,
        "maxLength": 200
      }
    }
  },
  "Pull": {
    "type": "object",
    "required": [
      "id", "object", "created_at", "finished_at", "source", "model", "status", "error", "file", "bytes",
      "total_bytes", "bytes_per_second", "seconds_left"
    ],
    "properties": {
      "id": {"type": "string"},
      "object": {"type": "string", "const": "model.pull"},
      "created_at": {"type": "integer"},
      "finished_at": {"type": ["integer", "null"]},
      "source": {"type": "string"},
      "model": {"description": "the name of the base model that it becomes", "type": "string"},
      "status": {"type": "string", "enum": ["queued", "running", "succeeded", "failed", "cancelled"]},
      "error": {"description": "what went wrong, and what to do", "type": ["string", "null"]},
      "file": {"description": "that comes now", "type": ["string", "null"]},
      "bytes": {"description": "that are there, while it runs", "type": "integer"},
      "total_bytes": {"description": "null: not known", "type": ["integer", "null"]},
      "bytes_per_second": {"description": "over the last seconds", "type": "number"},
      "seconds_left": {"description": "null: not known", "type": ["number", "null"]}
    }
  },
  "ListPullsResponse": {
    "type": "object",
    "required": ["object", "data", "has_more"],
    "properties": {
      "object": {"type": "string", "const": "list"},
      "data": {"type": "array", "items": {"$ref": "#/components/schemas/Pull"}},
      "first_id": {"type": ["string", "null"]},
      "last_id": {"type": ["string", "null"]},
      "has_more": {"type": "boolean"}
    }
  }
})json";

constexpr PageRules kPullPages{.limit = 20};

Json CatalogueJson(const platform::CatalogueModel& model) {
    return {{"id", model.name},         {"object", "catalogue.model"},
            {"repository", model.repo}, {"parameters", model.parameters},
            {"kind", model.kind},       {"context", model.context},
            {"licence", model.licence}, {"gated", model.gated},
            {"is_base", model.is_base}, {"cached_bytes", model.cached_bytes}};
}

Json PullJson(const platform::Pull& pull) {
    const auto positive = [](auto value) { return value > 0 ? Json(value) : Json(nullptr); };
    return {{"id", pull.id},
            {"object", "model.pull"},
            {"created_at", pull.created_at},
            {"finished_at", positive(pull.finished_at)},
            {"source", pull.source},
            {"model", pull.model},
            {"status", pull.status},
            {"error", TextOrNull(pull.error)},
            {"file", TextOrNull(pull.file)},
            {"bytes", pull.bytes},
            {"total_bytes", positive(pull.total_bytes)},
            {"bytes_per_second", pull.bytes_per_second},
            {"seconds_left", pull.seconds_left < 0 ? Json(nullptr) : Json(pull.seconds_left)}};
}

HttpResponse ListCatalogue(Platform& platform, const Call& call) {
    HONE_ASSIGN_OR_ANSWER(const auto models, platform.pulls().Catalogue(call.caller));
    Json data = Json::array();
    for (const platform::CatalogueModel& model : models) data.push_back(CatalogueJson(model));
    return JsonResponse({{"object", "list"}, {"data", std::move(data)}});
}

HttpResponse ListPulls(Platform& platform, const Call& call) {
    platform::PageRequest page;
    if (auto wrong = ReadPage(call.request, kPullPages, page)) return *std::move(wrong);
    HONE_ASSIGN_OR_ANSWER(const auto pulls, platform.pulls().List(call.caller, page));
    return JsonResponse(ListJson(pulls.data, pulls.has_more, PullJson));
}

HttpResponse PullResponse(const absl::StatusOr<platform::Pull>& pull) {
    return pull.ok() ? JsonResponse(PullJson(*pull)) : ErrorResponse(pull.status());
}

}  // namespace

void AddPullRoutes(Api& api, Platform& platform) {
    api.schemas().Add(kPullSchemas);
    Router& router = api.router();
    router.Add({.method = "GET",
                .pattern = "/api/catalogue",
                .operation = "listCatalogue",
                .summary = "the models that can be fetched by a name",
                .access = Access::kAdmin,
                .response_schema = "ListCatalogueResponse",
                .handle = [&](const Call& call) { return ListCatalogue(platform, call); }});
    router.Add({.method = "GET",
                .pattern = "/api/pulls",
                .operation = "listPulls",
                .summary = "base models that are or were fetched",
                .access = Access::kAdmin,
                .query = PageParameters(kPullPages),
                .response_schema = "ListPullsResponse",
                .handle = [&](const Call& call) { return ListPulls(platform, call); }});
    router.Add({.method = "POST",
                .pattern = "/api/pulls",
                .operation = "createPull",
                .summary = "fetches a model, which is then a base model for every project",
                .access = Access::kAdmin,
                .body = BodyKind::kJson,
                .request_schema = "CreatePullRequest",
                .response_schema = "Pull",
                .handle = [&](const Call& call) {
                    return PullResponse(platform.pulls().Create(
                        call.caller, call.body["model"].get<std::string>()));
                }});
    router.Add({.method = "GET",
                .pattern = "/api/pulls/{pull_id}",
                .operation = "retrievePull",
                .summary = "how far it is",
                .access = Access::kAdmin,
                .response_schema = "Pull",
                .handle = [&](const Call& call) {
                    return PullResponse(platform.pulls().Get(call.caller, call.path[0]));
                }});
    router.Add({.method = "POST",
                .pattern = "/api/pulls/{pull_id}/cancel",
                .operation = "cancelPull",
                .summary = "ends it; what has come stays, for another pull of the same model",
                .access = Access::kAdmin,
                .response_schema = "Pull",
                .handle = [&](const Call& call) {
                    return PullResponse(platform.pulls().Cancel(call.caller, call.path[0]));
                }});
}

}  // namespace hone::server
