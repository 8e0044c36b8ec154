#include "server/inference/response_form.h"

#include <utility>

#include "platform/store/ids.h"
#include "server/api/answer.h"
#include "server/message/sse.h"

namespace hone::server {
namespace {

using Json = nlohmann::ordered_json;
using platform::NewId;

Json UsageJson(const Json& usage) {
    const Json cached = usage["prompt_tokens_details"]["cached_tokens"];
    return {{"input_tokens", usage["prompt_tokens"]},
            {"input_tokens_details", {{"cached_tokens", cached}, {"cache_write_tokens", 0}}},
            {"output_tokens", usage["completion_tokens"]},
            {"output_tokens_details", {{"reasoning_tokens", 0}}},
            {"total_tokens", usage["total_tokens"]}};
}

}  // namespace

ResponseForm::ResponseForm(platform::Answers& answers, platform::Caller caller,
                           ResponseRequest request, std::string model, int64_t now)
    : answers_(answers),
      caller_(std::move(caller)),
      request_(std::move(request)),
      id_(NewId("resp_")),
      model_(std::move(model)),
      created_(now) {}

Json ResponseForm::Object(const std::string& status) const {
    Json json = {{"id", id_},
                 {"object", "response"},
                 {"created_at", created_},
                 {"status", status},
                 {"background", false},
                 {"error", nullptr},
                 {"incomplete_details", incomplete_},
                 {"model", model_},
                 {"output", output_},
                 {"usage", usage_},
                 {"metadata", request_.metadata.is_null() ? Json::object() : request_.metadata}};
    json.update(request_.shown);
    return json;
}

std::string ResponseForm::Event(std::string type, Json fields) {
    Json json = {{"type", type}, {"sequence_number", events_++}};
    json.update(fields);
    return SseMessage(CompactJson(json), type);
}

std::string ResponseForm::ItemEvent(std::string type, size_t index, Json fields) {
    Json placed = {{"output_index", index}, {"item_id", output_[index]["id"]}};
    placed.update(fields);
    return Event(std::move(type), std::move(placed));
}

std::string ResponseForm::Begin() {
    std::string events = Event("response.created", {{"response", Object("in_progress")}});
    return events + Event("response.in_progress", {{"response", Object("in_progress")}});
}

std::string ResponseForm::OpenMessage() {
    if (open_) return "";
    open_ = true;
    output_.push_back({{"id", NewId("msg_")},
                       {"type", "message"},
                       {"status", "in_progress"},
                       {"role", "assistant"},
                       {"content", Json::array()}});
    const size_t index = output_.size() - 1;
    std::string events =
        Event("response.output_item.added", {{"output_index", index}, {"item", output_[index]}});
    Json part = {{"type", "output_text"}, {"text", ""}, {"annotations", Json::array()}};
    if (request_.logprobs) part["logprobs"] = Json::array();
    output_[index]["content"].push_back(part);
    return events +
           ItemEvent("response.content_part.added", index, {{"content_index", 0}, {"part", part}});
}

std::string ResponseForm::CloseMessage(const std::string& status) {
    if (!open_) return "";
    open_ = false;
    const size_t index = output_.size() - 1;
    Json& item = output_[index];
    item["status"] = status;
    const Json part = item["content"][0];
    std::string events = ItemEvent("response.output_text.done", index,
                                   {{"content_index", 0},
                                    {"text", part["text"]},
                                    {"logprobs", part.value("logprobs", Json::array())}});
    events +=
        ItemEvent("response.content_part.done", index, {{"content_index", 0}, {"part", part}});
    return events + Event("response.output_item.done", {{"output_index", index}, {"item", item}});
}

std::string ResponseForm::AddCall(const Json& call, const std::string& status) {
    const Json& function = call["function"];
    Json item = {{"id", NewId("fc_")},    {"type", "function_call"},  {"status", "in_progress"},
                 {"call_id", call["id"]}, {"name", function["name"]}, {"arguments", ""}};
    const size_t index = output_.size();
    output_.push_back(item);
    std::string events =
        Event("response.output_item.added", {{"output_index", index}, {"item", item}});
    events += ItemEvent("response.function_call_arguments.delta", index,
                        {{"delta", function["arguments"]}});
    events += ItemEvent("response.function_call_arguments.done", index,
                        {{"name", function["name"]}, {"arguments", function["arguments"]}});
    item["status"] = status;
    item["arguments"] = function["arguments"];
    output_[index] = item;
    return events + Event("response.output_item.done", {{"output_index", index}, {"item", item}});
}

std::string ResponseForm::Hear(const Json& delta, const Json& logprobs) {
    std::string events;
    const Json content = delta.value("content", Json());
    const std::string text = content.is_string() ? content.get<std::string>() : "";
    const Json scores = logprobs.is_object() ? logprobs["content"] : Json::array();
    if (!text.empty() || !scores.empty()) {
        events += OpenMessage();
        const size_t index = output_.size() - 1;
        Json& part = output_[index]["content"][0];
        part["text"] = part["text"].get<std::string>() + text;
        if (request_.logprobs)
            part["logprobs"].insert(part["logprobs"].end(), scores.begin(), scores.end());
        events += ItemEvent("response.output_text.delta", index,
                            {{"content_index", 0}, {"delta", text}, {"logprobs", scores}});
    }
    const Json calls = delta.value("tool_calls", Json());
    if (!calls.is_array() || calls.empty()) return events;
    events += CloseMessage("completed");
    for (const Json& call : calls) events += AddCall(call, "completed");
    return events;
}

std::string ResponseForm::Chunk(const std::string& data) {
    const Json chunk = Json::parse(data);
    const Json& choice = chunk["choices"][0];
    return Hear(choice["delta"], choice["logprobs"]);
}

absl::StatusOr<AnswerForm::Whole> ResponseForm::Done(const std::string& data) {
    const Json completion = Json::parse(data);
    const Json& choice = completion["choices"][0];
    std::string rest;
    // A stream has told all of it in its chunks.
    if (!request_.stream) Hear(choice["message"], choice["logprobs"]);
    const bool cut = choice["finish_reason"] == "length";
    const std::string status = cut ? "incomplete" : "completed";
    if (output_.empty()) rest += OpenMessage();  // an answer of no token
    rest += CloseMessage(status);
    if (cut) incomplete_ = {{"reason", "max_output_tokens"}};
    usage_ = UsageJson(completion["usage"]);
    const Json object = Object(status);
    rest += Event("response." + status, {{"response", object}});
    if (request_.store) {
        platform::StoredAnswer stored{.id = id_,
                                      .kind = "response",
                                      .created_at = created_,
                                      .model = model_,
                                      .body = CompactJson(object),
                                      .input = CompactJson(request_.items)};
        if (request_.metadata.is_object())
            stored.metadata = request_.metadata.get<platform::Metadata>();
        HONE_RETURN_IF_ERROR(answers_.Keep(caller_, stored));
    }
    return Whole{CompactJson(object), std::move(rest)};
}

std::string ResponseForm::Failed(const std::string& error) {
    const Json told = Json::parse(error);
    return Event("error",
                 {{"code", told["code"]}, {"message", told["message"]}, {"param", told["param"]}});
}

}  // namespace hone::server
