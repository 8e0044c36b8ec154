// Chat completions that were kept: https://platform.openai.com/docs/api-reference/chat.
#include <utility>

#include "server/api/api.h"
#include "server/api/objects.h"
#include "server/api/paging.h"
#include "server/inference/routes.h"

namespace hone::server {
namespace {

using Json = nlohmann::ordered_json;
using platform::Platform;
using platform::StoredAnswer;

constexpr char kStoredKind[] = "chat.completion", kStoredParam[] = "completion_id";
constexpr char kStoredPattern[] = "/v1/chat/completions/{completion_id}";
constexpr PageRules kStoredPages{.limit = 20, .ordered = true, .newest = false};

constexpr char kStoredSchemas[] = R"json({
  "ChatCompletionList": {
    "type": "object",
    "required": ["object", "data", "first_id", "last_id", "has_more"],
    "properties": {
      "object": {"type": "string", "const": "list"},
      "data": {"type": "array", "items": {"$ref": "#/components/schemas/CreateChatCompletionResponse"}},
      "first_id": {"type": ["string", "null"]},
      "last_id": {"type": ["string", "null"]},
      "has_more": {"type": "boolean"}
    }
  },
  "UpdateChatCompletionRequest": {
    "type": "object",
    "required": ["metadata"],
    "additionalProperties": false,
    "properties": {"metadata": {"$ref": "#/components/schemas/Metadata"}}
  },
  "StoredMessage": {
    "type": "object",
    "required": ["id", "role", "content"],
    "properties": {
      "id": {"type": "string"},
      "role": {"type": "string"},
      "content": {"type": ["string", "null"]},
      "content_parts": {"type": ["array", "null"], "items": {"$ref": "#/components/schemas/ContentPart"}}
    }
  },
  "ChatCompletionMessageList": {
    "type": "object",
    "required": ["object", "data", "first_id", "last_id", "has_more"],
    "properties": {
      "object": {"type": "string", "const": "list"},
      "data": {"type": "array", "items": {"$ref": "#/components/schemas/StoredMessage"}},
      "first_id": {"type": ["string", "null"]},
      "last_id": {"type": ["string", "null"]},
      "has_more": {"type": "boolean"}
    }
  }
})json";

Json CompletionJson(const StoredAnswer& stored) {
    Json json = Json::parse(stored.body);
    json["metadata"] = stored.metadata;
    return json;
}

HttpResponse List(Platform& platform, const Call& call) {
    platform::PageRequest page;
    platform::AnswerFilter filter;
    if (auto wrong = ReadPage(call.request, kStoredPages, page)) return *std::move(wrong);
    filter.metadata = ReadMetadataFilter(call.request);
    if (const std::string* model = call.request.Query("model")) {
        // Answers say the base's name, where the client asked by an alias.
        const auto base = platform.bases().Find(*model);
        filter.model = base ? base->name : *model;
    }
    HONE_ASSIGN_OR_ANSWER(const auto answers,
                          platform.answers().List(call.caller, kStoredKind, filter, page));
    return JsonResponse(ListJson(answers.data, answers.has_more, CompletionJson));
}

HttpResponse Update(Platform& platform, const Call& call) {
    platform::Metadata metadata;
    if (call.body["metadata"].is_object())
        metadata = call.body["metadata"].get<platform::Metadata>();
    HONE_ASSIGN_OR_ANSWER(const StoredAnswer stored,
                          platform.answers().SetMetadata(call.caller, kStoredKind, call.path[0],
                                                         kStoredParam, metadata));
    return JsonResponse(CompletionJson(stored));
}

// A message as it was sent, with an id; of parts their text too.
Json MessageJson(const std::string& completion, size_t index, Json message) {
    Json json = {{"id", fmt::format("{}-{}", completion, index)}};
    json.update(message);
    const Json content = message.value("content", Json());
    if (content.is_array()) {
        std::string text;
        for (const Json& part : content) text += part.value("text", part.value("refusal", ""));
        json["content"] = text;
        json["content_parts"] = content;
    } else {
        json["content"] = content;
        json["content_parts"] = nullptr;
    }
    if (!json.contains("refusal")) json["refusal"] = nullptr;
    return json;
}

HttpResponse Messages(Platform& platform, const Call& call) {
    platform::PageRequest page;
    if (auto wrong = ReadPage(call.request, kStoredPages, page)) return *std::move(wrong);
    HONE_ASSIGN_OR_ANSWER(
        const StoredAnswer stored,
        platform.answers().Get(call.caller, kStoredKind, call.path[0], kStoredParam));
    const Json messages = Json::parse(stored.input);
    std::vector<Json> all;
    for (size_t i = 0; i < messages.size(); ++i)
        all.push_back(MessageJson(stored.id, i, messages[i]));
    return JsonResponse(PageJson(std::move(all), page));
}

}  // namespace

void AddStoredCompletionRoutes(Api& api, Platform& platform) {
    api.schemas().Add(kStoredSchemas);
    Router& router = api.router();
    std::vector<QueryParameter> listing = PageParameters(kStoredPages);
    listing.push_back(MetadataFilterParameter("metadata[key]=value: only those with this pair"));
    listing.push_back({"model", R"({"type": "string", "maxLength": 256})", "only this model's"});
    router.Add({.method = "GET",
                .pattern = "/v1/chat/completions",
                .operation = "listChatCompletions",
                .summary = "the chat completions that were made with \"store\": true",
                .query = std::move(listing),
                .response_schema = "ChatCompletionList",
                .handle = [&](const Call& call) { return List(platform, call); }});
    router.Add({.method = "GET",
                .pattern = kStoredPattern,
                .operation = "getChatCompletion",
                .summary = "one of them",
                .response_schema = "CreateChatCompletionResponse",
                .handle = [&](const Call& call) {
                    HONE_ASSIGN_OR_ANSWER(const StoredAnswer stored,
                                          platform.answers().Get(call.caller, kStoredKind,
                                                                 call.path[0], kStoredParam));
                    return JsonResponse(CompletionJson(stored));
                }});
    router.Add({.method = "POST",
                .pattern = kStoredPattern,
                .operation = "updateChatCompletion",
                .summary = "sets its metadata",
                .access = Access::kMember,
                .body = BodyKind::kJson,
                .request_schema = "UpdateChatCompletionRequest",
                .response_schema = "CreateChatCompletionResponse",
                .handle = [&](const Call& call) { return Update(platform, call); }});
    router.Add({.method = "DELETE",
                .pattern = kStoredPattern,
                .operation = "deleteChatCompletion",
                .summary = "forgets it",
                .access = Access::kMember,
                .response_schema = "DeletedObject",
                .handle = [&](const Call& call) {
                    return DeletedResponse(platform.answers().Delete(call.caller, kStoredKind,
                                                                     call.path[0], kStoredParam),
                                           call.path[0], "chat.completion.deleted");
                }});
    router.Add({.method = "GET",
                .pattern = std::string(kStoredPattern) + "/messages",
                .operation = "getChatCompletionMessages",
                .summary = "the messages that it answers",
                .query = PageParameters(kStoredPages),
                .response_schema = "ChatCompletionMessageList",
                .handle = [&](const Call& call) { return Messages(platform, call); }});
}

}  // namespace hone::server
