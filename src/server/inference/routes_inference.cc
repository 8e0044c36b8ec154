// What asks a model: chat completions, completions, embeddings.
#include <utility>

#include "server/api/api.h"
#include "server/api/schemas_inference.h"
#include "server/inference/model_answer.h"
#include "server/inference/routes.h"
#include "server/inference/stored_completion.h"

namespace hone::server {
namespace {

using platform::Platform;

// Whether an answer to the body is to be kept.
bool Stores(const std::string& kind, const nlohmann::ordered_json& body) {
    return kind == "chat.completion" && body.value("store", nlohmann::ordered_json()) == true;
}

void Ask(Platform& platform, InferencePool& pool, const std::string& kind, const Call& call,
         std::shared_ptr<Exchange> exchange) {
    auto place = platform.models().Resolve(call.caller, call.body["model"]);
    if (!place.ok()) return exchange->Respond(ErrorResponse(place.status()));
    auto form = std::make_unique<AnswerForm>();
    if (Stores(kind, call.body)) {
        auto stored = StoredCompletionForm(platform.answers(), call.caller, call.body);
        if (!stored.ok()) return exchange->Respond(ErrorResponse(stored.status()));
        form = *std::move(stored);
    }
    AnswerFromModel(pool,
                    {.base = place->base_path,
                     .adapter = place->adapter_path,
                     .model = place->id,
                     .kind = kind,
                     .body = call.body},
                    std::move(exchange), std::move(form));
}

}  // namespace

void AddInferenceRoutes(Api& api, Platform& platform, InferencePool& pool) {
    api.schemas().Add(kInferenceSchemas);
    const auto add = [&](std::string path, std::string operation, std::string summary,
                         const std::string& kind, const std::string& shape) {
        api.router().Add({.method = "POST",
                          .pattern = std::move(path),
                          .operation = std::move(operation),
                          .summary = std::move(summary),
                          .body = BodyKind::kJson,
                          .body_limit = SIZE_MAX,
                          .request_schema = "Create" + shape + "Request",
                          .response_schema = "Create" + shape + "Response",
                          .answer = [&platform, &pool, kind](const Call& call,
                                                             std::shared_ptr<Exchange> exchange) {
                              Ask(platform, pool, kind, call, std::move(exchange));
                          }});
    };
    add("/v1/chat/completions", "createChatCompletion", "a model's answer to a conversation",
        "chat.completion", "ChatCompletion");
    add("/v1/completions", "createCompletion", "what a model writes after a text", "completion",
        "Completion");
    add("/v1/embeddings", "createEmbedding", "texts as vectors", "embedding", "Embedding");
}

}  // namespace hone::server
