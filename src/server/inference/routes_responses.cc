// Responses: https://platform.openai.com/docs/api-reference/responses.
#include <algorithm>
#include <utility>

#include "answer/openai/api_error.h"
#include "platform/api/checks.h"
#include "server/api/api.h"
#include "server/api/objects.h"
#include "server/api/paging.h"
#include "server/inference/response_form.h"
#include "server/inference/routes.h"
#include "server/inference/schemas_responses.h"

namespace hone::server {
namespace {

using Json = nlohmann::ordered_json;
using platform::Platform;
using platform::StoredAnswer;

constexpr char kKind[] = "response", kParam[] = "response_id";
constexpr char kPattern[] = "/v1/responses/{response_id}";
constexpr PageRules kPages{.limit = 20, .ordered = true};
// Of the responses before one, all together.
constexpr size_t kMaxChain = 1000;
constexpr size_t kMaxChainBytes = size_t{8} << 20;

// What was said before: the items of the previous response, of that before it, and so on.
absl::StatusOr<Json> ItemsBefore(Platform& platform, const platform::Caller& caller,
                                 std::string previous) {
    std::vector<Json> turns;  // the last first
    size_t bytes = 0;
    while (!previous.empty()) {
        HONE_ASSIGN_OR_RETURN(
            const StoredAnswer stored,
            platform.answers().Get(caller, kKind, previous, "previous_response_id"));
        bytes += stored.body.size() + stored.input.size();
        if (turns.size() == kMaxChain || bytes > kMaxChainBytes)
            return platform::InvalidField("previous_response_id",
                                          "What was said before is more than {} responses or {} "
                                          "bytes.",
                                          kMaxChain, kMaxChainBytes);
        const Json body = Json::parse(stored.body);
        Json turn = Json::parse(stored.input);
        for (const Json& item : body["output"]) turn.push_back(item);
        turns.push_back(std::move(turn));
        const Json before = body.value("previous_response_id", Json());
        previous = before.is_string() ? before.get<std::string>() : "";
    }
    Json items = Json::array();
    for (auto turn = turns.rbegin(); turn != turns.rend(); ++turn)
        items.insert(items.end(), turn->begin(), turn->end());
    return items;
}

void Create(Platform& platform, InferencePool& pool, const Call& call,
            std::shared_ptr<Exchange> exchange) {
    auto request = ReadResponseRequest(call.body);
    if (!request.ok()) return exchange->Respond(FailureResponse(request.status()));
    if (request->metadata.is_object()) {
        const absl::Status good =
            platform::CheckMetadata(request->metadata.get<platform::Metadata>());
        if (!good.ok()) return exchange->Respond(ErrorResponse(good));
    }
    const auto place = platform.models().Resolve(call.caller, request->model);
    if (!place.ok()) return exchange->Respond(ErrorResponse(place.status()));
    auto items = ItemsBefore(platform, call.caller, request->previous);
    if (!items.ok()) return exchange->Respond(ErrorResponse(items.status()));
    items->insert(items->end(), request->items.begin(), request->items.end());
    Json chat = request->chat;
    chat["messages"] = ChatMessages(request->instructions, *items);
    auto form = std::make_unique<ResponseForm>(platform.answers(), call.caller, *std::move(request),
                                               place->id, platform.options().clock());
    AnswerFromModel(pool,
                    {.base = place->base_path,
                     .adapter = place->adapter_path,
                     .model = place->id,
                     .kind = "chat.completion",
                     .body = std::move(chat)},
                    std::move(exchange), std::move(form));
}

HttpResponse Get(Platform& platform, const Call& call) {
    const std::string* stream = call.request.Query("stream");
    if (stream != nullptr && *stream == "true")
        return ErrorResponse(ApiError{.message = "A response that is done is not streamed again.",
                                      .param = "stream",
                                      .code = "unsupported_value"});
    HONE_ASSIGN_OR_ANSWER(const StoredAnswer stored,
                          platform.answers().Get(call.caller, kKind, call.path[0], kParam));
    HttpResponse response{.body = stored.body};
    response.headers.Add("Content-Type", "application/json");
    return response;
}

HttpResponse ListInput(Platform& platform, const Call& call) {
    platform::PageRequest page;
    if (auto wrong = ReadPage(call.request, kPages, page)) return *std::move(wrong);
    HONE_ASSIGN_OR_ANSWER(const StoredAnswer stored,
                          platform.answers().Get(call.caller, kKind, call.path[0], kParam));
    return JsonResponse(PageJson(Json::parse(stored.input).get<std::vector<Json>>(), page));
}

HttpResponse Cancel(Platform& platform, const Call& call) {
    HONE_ASSIGN_OR_ANSWER(const StoredAnswer stored,
                          platform.answers().Get(call.caller, kKind, call.path[0], kParam));
    return ErrorResponse(ApiError{
        .message = fmt::format("The response '{}' is done: only one that is made in the background "
                               "can be cancelled.",
                               stored.id),
        .param = kParam});
}

}  // namespace

void AddResponseRoutes(Api& api, Platform& platform, InferencePool& pool) {
    api.schemas().Add(kResponseSchemas);
    Router& router = api.router();
    router.Add({.method = "POST",
                .pattern = "/v1/responses",
                .operation = "createResponse",
                .summary = "a model's answer to items, kept unless \"store\" is false",
                .body = BodyKind::kJson,
                .body_limit = SIZE_MAX,
                .request_schema = "CreateResponseRequest",
                .response_schema = "Response",
                .answer = [&](const Call& call, std::shared_ptr<Exchange> exchange) {
                    Create(platform, pool, call, std::move(exchange));
                }});
    router.Add({.method = "GET",
                .pattern = kPattern,
                .operation = "getResponse",
                .summary = "a response that was kept",
                .query = {{"stream", R"({"type": "boolean"})", "false alone"}},
                .response_schema = "Response",
                .handle = [&](const Call& call) { return Get(platform, call); }});
    router.Add({.method = "DELETE",
                .pattern = kPattern,
                .operation = "deleteResponse",
                .summary = "forgets it",
                .access = Access::kMember,
                .response_schema = "DeletedObject",
                .handle = [&](const Call& call) {
                    return DeletedResponse(
                        platform.answers().Delete(call.caller, kKind, call.path[0], kParam),
                        call.path[0], "response");
                }});
    router.Add({.method = "GET",
                .pattern = std::string(kPattern) + "/input_items",
                .operation = "listInputItems",
                .summary = "what it answers",
                .query = PageParameters(kPages),
                .response_schema = "ResponseItemList",
                .handle = [&](const Call& call) { return ListInput(platform, call); }});
    router.Add({.method = "POST",
                .pattern = std::string(kPattern) + "/cancel",
                .operation = "cancelResponse",
                .summary = "refused: no response is made in the background",
                .response_schema = "Response",
                .handle = [&](const Call& call) { return Cancel(platform, call); }});
}

}  // namespace hone::server
