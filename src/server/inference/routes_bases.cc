// Taking away base models that were fetched while the server ran.
#include "server/api/answer.h"
#include "server/api/api.h"
#include "server/inference/routes.h"

namespace hone::server {
namespace {

constexpr char kBaseSchemas[] = R"json({
  "RemovedBaseModel": {
    "type": "object",
    "required": ["id", "object", "deleted", "freed_bytes"],
    "properties": {
      "id": {"type": "string"},
      "object": {"type": "string", "const": "base_model"},
      "deleted": {"type": "boolean"},
      "freed_bytes": {"description": "0: its files stay, for instance in Hugging Face's cache", "type": "integer"}
    }
  }
})json";

HttpResponse RemoveBase(platform::Platform& platform, InferencePool& pool, const Call& call) {
    HONE_ASSIGN_OR_ANSWER(const platform::RemovedBase removed,
                          platform.pulls().Remove(call.caller, call.path[0]));
    pool.ForgetBase(removed.path);  // its child has the files open, which keeps their space
    return JsonResponse({{"id", call.path[0]},
                         {"object", "base_model"},
                         {"deleted", true},
                         {"freed_bytes", removed.freed_bytes}});
}

}  // namespace

void AddBaseRoutes(Api& api, platform::Platform& platform, InferencePool& pool) {
    api.schemas().Add(kBaseSchemas);
    api.router().Add(
        {.method = "DELETE",
         .pattern = "/api/base_models/{model}",
         .operation = "removeBaseModel",
         .summary = "takes a base that was fetched away from every project, and its files",
         .access = Access::kAdmin,
         .response_schema = "RemovedBaseModel",
         .handle = [&](const Call& call) { return RemoveBase(platform, pool, call); }});
}

}  // namespace hone::server
