// Models: https://platform.openai.com/docs/api-reference/models.
#include <filesystem>

#include "server/api/api.h"
#include "server/api/objects.h"
#include "server/api/routes.h"
#include "server/api/tar_source.h"

namespace hone::server {
namespace {

using platform::Platform;

constexpr char kModelSchemas[] = R"json({
  "Model": {
    "type": "object",
    "required": ["id", "object", "created", "owned_by"],
    "properties": {
      "id": {"type": "string"},
      "object": {"type": "string", "const": "model"},
      "created": {"type": "integer"},
      "owned_by": {"type": "string"}
    }
  },
  "ModelDescription": {
    "type": "object",
    "required": ["id", "object", "base", "job_id", "created", "bytes"],
    "properties": {
      "id": {"type": "string"},
      "object": {"type": "string", "const": "model.description"},
      "base": {"description": "the model that it began as", "type": "string"},
      "job_id": {"description": "that made it; null: it is a base", "type": ["string", "null"]},
      "created": {"type": "integer"},
      "bytes": {"description": "of its adapter; null: it is a base", "type": ["integer", "null"]}
    }
  },
  "ListModelsResponse": {
    "type": "object",
    "required": ["object", "data"],
    "properties": {
      "object": {"type": "string", "const": "list"},
      "data": {"type": "array", "items": {"$ref": "#/components/schemas/Model"}}
    }
  }
})json";

HttpResponse ListModels(Platform& platform, const Call& call) {
    HONE_ASSIGN_OR_ANSWER(const std::vector<platform::Model> models,
                          platform.models().List(call.caller));
    nlohmann::ordered_json data = nlohmann::ordered_json::array();
    for (const platform::Model& model : models) data.push_back(ToJson(model));
    return JsonResponse({{"object", "list"}, {"data", std::move(data)}});
}

int64_t BytesOf(const std::string& folder) {
    int64_t bytes = 0;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
        const auto size = entry.file_size(error);
        if (!error) bytes += static_cast<int64_t>(size);
    }
    return bytes;
}

// Where a model comes from, and what it takes on disk.
HttpResponse DescribeModel(Platform& platform, const Call& call) {
    HONE_ASSIGN_OR_ANSWER(const platform::Model model,
                          platform.models().Get(call.caller, call.path[0]));
    HONE_ASSIGN_OR_ANSWER(const platform::ModelPlace place,
                          platform.models().Resolve(call.caller, call.path[0]));
    const bool is_base = place.adapter_path.empty();
    const nlohmann::ordered_json none = nullptr;
    return JsonResponse(
        {{"id", model.id},
         {"object", "model.description"},
         {"base", place.base},
         {"job_id", is_base ? none : nlohmann::ordered_json(model.job_id)},
         {"created", model.created_at},
         {"bytes", is_base ? none : nlohmann::ordered_json(BytesOf(place.adapter_path))}});
}

// The files of a folder as a tar archive NAME.tar, under NAME/.
HttpResponse TarResponse(const std::string& folder, const std::string& name) {
    HttpResponse response;
    HONE_ASSIGN_OR_ANSWER(response.source, OpenTar(folder, name));
    response.headers.Add("Content-Type", "application/x-tar");
    response.headers.Add("Content-Disposition",
                         fmt::format("attachment; filename=\"{}.tar\"", name));
    return response;
}

// A fine-tuned model: what its job trained, in PEFT's format, or merged into its base.
HttpResponse DownloadModel(Platform& platform, const Call& call, bool merged) {
    HONE_ASSIGN_OR_ANSWER(const platform::ModelPlace place,
                          platform.models().Resolve(call.caller, call.path[0]));
    if (place.adapter_path.empty())
        return ErrorResponse(ApiError{.message = "A base model is not downloaded: its weights are "
                                                 "where the server got them from.",
                                      .param = "model"});
    if (!merged) return TarResponse(place.adapter_path, "adapter");
    HONE_ASSIGN_OR_ANSWER(const auto model, platform.merging().Merge(place));
    return TarResponse(model->folder(), "model");  // which has the files open, and so keeps them
}

}  // namespace

void AddModelRoutes(Api& api, Platform& platform) {
    api.schemas().Add(kModelSchemas);
    Router& router = api.router();
    router.Add({.method = "GET",
                .pattern = "/v1/models",
                .operation = "listModels",
                .summary = "the bases with their aliases, and the project's fine-tuned models",
                .response_schema = "ListModelsResponse",
                .handle = [&](const Call& call) { return ListModels(platform, call); }});
    router.Add({.method = "GET",
                .pattern = "/v1/models/{model}",
                .operation = "retrieveModel",
                .summary = "one model",
                .response_schema = "Model",
                .handle = [&](const Call& call) {
                    HONE_ASSIGN_OR_ANSWER(const platform::Model model,
                                          platform.models().Get(call.caller, call.path[0]));
                    return JsonResponse(ToJson(model));
                }});
    router.Add({.method = "DELETE",
                .pattern = "/v1/models/{model}",
                .operation = "deleteModel",
                .summary = "deletes a fine-tuned model",
                .access = Access::kMember,
                .response_schema = "DeletedObject",
                .handle = [&](const Call& call) {
                    return DeletedResponse(platform.models().Delete(call.caller, call.path[0]),
                                           call.path[0], "model");
                }});
    router.Add({.method = "GET",
                .pattern = "/api/models/{model}",
                .operation = "describeModel",
                .summary = "where a model comes from, and what it takes on disk",
                .response_schema = "ModelDescription",
                .handle = [&](const Call& call) { return DescribeModel(platform, call); }});
    router.Add({.method = "GET",
                .pattern = "/api/models/{model}/adapter",
                .operation = "downloadModel",
                .summary = "what a job trained, as PEFT and other programs load it",
                .response_type = "application/x-tar",
                .handle = [&](const Call& call) { return DownloadModel(platform, call, false); }});
    router.Add({.method = "GET",
                .pattern = "/api/models/{model}/merged",
                .operation = "downloadMergedModel",
                .summary = "the model merged into its base: safetensors, configuration and "
                           "tokenizer, made while the client waits, one at a time",
                .response_type = "application/x-tar",
                .handle = [&](const Call& call) { return DownloadModel(platform, call, true); }});
}

}  // namespace hone::server
