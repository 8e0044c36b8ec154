#include "server/inference/response_request.h"

#include <algorithm>

#include "answer/openai/api_error.h"
#include "answer/openai/body_reader.h"
#include "answer/openai/requests.h"
#include "platform/store/ids.h"

namespace hone::server {
namespace {

using Json = nlohmann::ordered_json;
using platform::NewId;

constexpr size_t kMaxName = 256;

absl::Status Unsupported(const std::string& param, const std::string& why) {
    return RequestError(fmt::format("Invalid '{}': {}", param, why), param, "unsupported_value");
}

// A message's content as a list of parts of one type: texts alone.
absl::StatusOr<Json> ReadContent(const Json& content, bool assistant, const std::string& param) {
    const char* type = assistant ? "output_text" : "input_text";
    const auto part = [&](const std::string& text) {
        Json json = {{"type", type}, {"text", text}};
        if (assistant) json["annotations"] = Json::array();
        return json;
    };
    if (content.is_string()) return Json::array({part(content)});
    if (!content.is_array()) return TypeError(param, "a string or an array of objects", content);
    Json parts = Json::array();
    for (size_t i = 0; i < content.size(); ++i) {
        const std::string path = fmt::format("{}[{}]", param, i);
        std::optional<std::string> kind, text;
        BodyReader reader(content[i], path);
        reader.Required("type").Choice(
            "type",
            {"input_text", "output_text", "refusal", "input_image", "input_file", "input_audio"},
            kind);
        if (!reader.status().ok()) return reader.status();
        if (kind->starts_with("input_") && *kind != "input_text")
            return Unsupported(path, fmt::format("content of type '{}' cannot be used: the model "
                                                 "reads text alone.",
                                                 *kind));
        const char* field = *kind == "refusal" ? "refusal" : "text";
        reader.Required(field).Text(field, kMaxTextBytes, text);
        reader.Skip("annotations").Skip("logprobs");
        HONE_RETURN_IF_ERROR(reader.Finish());
        parts.push_back(part(*text));
    }
    return parts;
}

absl::StatusOr<Json> ReadMessage(const Json& item, const std::string& path) {
    std::optional<std::string> id, role, status;
    const Json* content = nullptr;
    BodyReader reader(item, path);
    reader.Skip("type").Skip("phase").Text("id", kMaxName, id);
    reader.Choice("status", {"in_progress", "completed", "incomplete"}, status);
    reader.Required("role").Choice("role", {"user", "assistant", "system", "developer"}, role);
    reader.Required("content").Any("content", content);
    HONE_RETURN_IF_ERROR(reader.Finish());
    HONE_ASSIGN_OR_RETURN(Json parts,
                          ReadContent(*content, *role == "assistant", path + ".content"));
    return Json{{"id", id.value_or(NewId("msg_"))},
                {"type", "message"},
                {"role", *role},
                {"status", status.value_or("completed")},
                {"content", std::move(parts)}};
}

absl::StatusOr<Json> ReadCall(const Json& item, const std::string& path) {
    std::optional<std::string> id, call, name, arguments, status;
    BodyReader reader(item, path);
    reader.Skip("type").Text("id", kMaxName, id);
    reader.Choice("status", {"in_progress", "completed", "incomplete"}, status);
    reader.Required("call_id").Text("call_id", kMaxName, call);
    reader.Required("name").Text("name", kMaxName, name);
    reader.Required("arguments").Text("arguments", kMaxTextBytes, arguments);
    HONE_RETURN_IF_ERROR(reader.Finish());
    return Json{{"id", id.value_or(NewId("fc_"))},
                {"type", "function_call"},
                {"call_id", *call},
                {"name", *name},
                {"arguments", *arguments},
                {"status", status.value_or("completed")}};
}

absl::StatusOr<Json> ReadCallOutput(const Json& item, const std::string& path) {
    std::optional<std::string> id, call, status;
    const Json* output = nullptr;
    BodyReader reader(item, path);
    reader.Skip("type").Text("id", kMaxName, id);
    reader.Choice("status", {"in_progress", "completed", "incomplete"}, status);
    reader.Required("call_id").Text("call_id", kMaxName, call);
    reader.Required("output").Any("output", output);
    HONE_RETURN_IF_ERROR(reader.Finish());
    HONE_ASSIGN_OR_RETURN(const Json parts, ReadContent(*output, false, path + ".output"));
    std::string text;
    for (const Json& part : parts) text += part["text"].get<std::string>();
    return Json{{"id", id.value_or(NewId("fco_"))},
                {"type", "function_call_output"},
                {"call_id", *call},
                {"output", text},
                {"status", status.value_or("completed")}};
}

absl::StatusOr<Json> ReadItem(const Json& item, const std::string& path) {
    std::optional<std::string> type;
    BodyReader reader(item, path);
    reader.Text("type", kMaxName, type);
    if (!reader.status().ok()) return reader.status();
    const std::string kind = type.value_or("message");
    if (kind == "message") return ReadMessage(item, path);
    if (kind == "function_call") return ReadCall(item, path);
    if (kind == "function_call_output") return ReadCallOutput(item, path);
    return Unsupported(path + ".type",
                       fmt::format("items of type '{:.80}' are not supported. There are message, "
                                   "function_call and function_call_output.",
                                   kind));
}

absl::Status ReadInput(const Json& input, ResponseRequest& request) {
    request.items = Json::array();
    if (input.is_string()) {
        HONE_ASSIGN_OR_RETURN(Json item,
                              ReadMessage({{"role", "user"}, {"content", input}}, "input"));
        request.items.push_back(std::move(item));
        return absl::OkStatus();
    }
    if (!input.is_array()) return TypeError("input", "a string or an array of objects", input);
    if (input.size() > kMaxResponseItems)
        return RequestError(fmt::format("Invalid 'input': {} items, more than {}.", input.size(),
                                        kMaxResponseItems),
                            "input", "array_above_max_length");
    for (size_t i = 0; i < input.size(); ++i) {
        HONE_ASSIGN_OR_RETURN(Json item, ReadItem(input[i], fmt::format("input[{}]", i)));
        request.items.push_back(std::move(item));
    }
    return absl::OkStatus();
}

// text.format, as a chat completion's response_format.
absl::Status ReadText(const Json& text, ResponseRequest& request) {
    const Json* format = nullptr;
    std::optional<std::string> verbosity, type;
    BodyReader reader(text, "text");
    reader.Object("format", format).Choice("verbosity", {"medium"}, verbosity);
    HONE_RETURN_IF_ERROR(reader.Finish());
    if (format == nullptr) return absl::OkStatus();
    BodyReader inner(*format, "text.format");
    inner.Required("type").Choice("type", {"text", "json_object", "json_schema"}, type);
    if (!inner.status().ok()) return inner.status();
    Json response_format = {{"type", *type}};
    if (*type == "json_schema") {
        std::optional<std::string> name, description;
        const Json* schema = nullptr;
        bool strict = false;
        inner.Required("name").Text("name", kMaxNameLength, name);
        inner.Text("description", 65536, description);
        inner.Required("schema").Object("schema", schema).Bool("strict", strict);
        HONE_RETURN_IF_ERROR(inner.Finish());
        response_format["json_schema"] = {{"name", *name}, {"schema", *schema}, {"strict", strict}};
    } else {
        HONE_RETURN_IF_ERROR(inner.Finish());
    }
    request.chat["response_format"] = std::move(response_format);
    request.shown["text"]["format"] = *format;
    return absl::OkStatus();
}

absl::Status ReadTools(const Json& tools, ResponseRequest& request) {
    for (size_t i = 0; i < tools.size(); ++i) {
        const std::string path = fmt::format("tools[{}]", i);
        std::optional<std::string> type, name, description;
        const Json* parameters = nullptr;
        bool strict = false;
        BodyReader reader(tools[i], path);
        reader.Required("type").Text("type", kMaxName, type);
        if (!reader.status().ok()) return reader.status();
        if (*type != "function")
            return Unsupported(path + ".type",
                               fmt::format("the tool '{:.80}' is not supported: this server hosts "
                                           "no tools, and calls functions of the client alone.",
                                           *type));
        reader.Required("name").Text("name", kMaxNameLength, name);
        reader.Text("description", 65536, description).Object("parameters", parameters);
        reader.Bool("strict", strict);
        HONE_RETURN_IF_ERROR(reader.Finish());
        Json function = {{"name", *name}};
        if (description) function["description"] = *description;
        if (parameters != nullptr) function["parameters"] = *parameters;
        function["strict"] = strict;
        request.chat["tools"].push_back({{"type", "function"}, {"function", function}});
        Json shown = {{"type", "function"}, {"name", *name}};
        shown["description"] = description ? Json(*description) : Json();
        shown["parameters"] = parameters == nullptr ? Json() : *parameters;
        shown["strict"] = strict;
        request.shown["tools"].push_back(std::move(shown));
    }
    return absl::OkStatus();
}

absl::Status ReadToolChoice(const Json& choice, ResponseRequest& request) {
    if (choice.is_string()) {
        if (choice != "none" && choice != "auto" && choice != "required")
            return RequestError(
                "Invalid value for 'tool_choice'. Supported values are: 'none', 'auto', and "
                "'required'.",
                "tool_choice", "invalid_value");
        // Without tools the only choice is none, which a chat completion does not take.
        if (request.chat.contains("tools")) request.chat["tool_choice"] = choice;
    } else {
        std::optional<std::string> type, name;
        BodyReader reader(choice, "tool_choice");
        reader.Required("type").Text("type", kMaxName, type);
        if (!reader.status().ok()) return reader.status();
        if (*type != "function")
            return Unsupported("tool_choice.type",
                               fmt::format("'{:.80}' is not supported, only 'function'.", *type));
        reader.Required("name").Text("name", kMaxNameLength, name);
        HONE_RETURN_IF_ERROR(reader.Finish());
        request.chat["tool_choice"] = {{"type", "function"}, {"function", {{"name", *name}}}};
    }
    request.shown["tool_choice"] = choice;
    return absl::OkStatus();
}

absl::Status ReadInclude(const Json& include, ResponseRequest& request) {
    for (const Json& one : include) {
        if (!one.is_string()) return TypeError("include", "an array of strings", one);
        if (one == "message.output_text.logprobs") {
            request.logprobs = true;
        } else if (one != "reasoning.encrypted_content") {  // the models have no such reasoning
            return Unsupported("include", fmt::format("'{:.80}' is not supported, only "
                                                      "'message.output_text.logprobs'.",
                                                      one.get_ref<const std::string&>()));
        }
    }
    return absl::OkStatus();
}

// Fields that are numbers and words.
absl::Status ReadPlainFields(BodyReader& reader, ResponseRequest& request) {
    std::optional<double> temperature, top_p;
    std::optional<int64_t> max_tokens, top_logprobs, max_calls;
    std::optional<std::string> truncation, tier, previous, model, instructions;
    bool background = false, parallel = true;
    reader.Number("temperature", 0, 2, temperature).Number("top_p", 0, 1, top_p);
    reader.Integer("max_output_tokens", 1, INT32_MAX, max_tokens);
    reader.Integer("top_logprobs", 0, 20, top_logprobs);
    reader.Integer("max_tool_calls", 1, INT32_MAX, max_calls);  // of hosted tools
    reader.Choice("truncation", {"disabled"}, truncation);
    reader.Choice("service_tier", {"auto", "default"}, tier);
    reader.Text("previous_response_id", kMaxName, previous).Text("model", kMaxName, model);
    reader.Text("instructions", kMaxTextBytes, instructions);
    reader.Bool("parallel_tool_calls", parallel).Bool("background", background);
    reader.Bool("stream", request.stream).Bool("store", request.store);
    HONE_RETURN_IF_ERROR(reader.status());
    if (background) return Unsupported("background", "a response is made while the client waits.");
    request.model = *model;
    request.previous = previous.value_or("");
    request.instructions = instructions.value_or("");
    request.chat = {{"stream", request.stream}, {"parallel_tool_calls", parallel}};
    if (temperature) request.chat["temperature"] = *temperature;
    if (top_p) request.chat["top_p"] = *top_p;
    if (max_tokens) request.chat["max_completion_tokens"] = *max_tokens;
    request.logprobs = top_logprobs.value_or(0) > 0;
    if (request.logprobs) request.chat["top_logprobs"] = *top_logprobs;
    const auto or_null = [](const auto& value) { return value ? Json(*value) : Json(); };
    request.shown = {{"instructions", or_null(instructions)},
                     {"max_output_tokens", or_null(max_tokens)},
                     {"max_tool_calls", or_null(max_calls)},
                     {"parallel_tool_calls", parallel},
                     {"previous_response_id", or_null(previous)},
                     {"reasoning", {{"effort", nullptr}, {"summary", nullptr}}},
                     {"service_tier", "default"},
                     {"store", request.store},
                     {"temperature", or_null(temperature)},
                     {"text", {{"format", {{"type", "text"}}}}},
                     {"tool_choice", "auto"},
                     {"tools", Json::array()},
                     {"top_logprobs", top_logprobs.value_or(0)},
                     {"top_p", or_null(top_p)},
                     {"truncation", "disabled"}};
    return absl::OkStatus();
}

absl::Status CheckReasoning(const Json& reasoning) {
    std::optional<std::string> effort, summary;
    BodyReader reader(reasoning, "reasoning");
    reader.Choice("effort", {"none"}, effort).Choice("summary", {"auto"}, summary);
    reader.Skip("generate_summary");
    return reader.Finish();
}

}  // namespace

absl::StatusOr<ResponseRequest> ReadResponseRequest(const Json& body) {
    ResponseRequest request;
    const Json *input = nullptr, *text = nullptr, *tools = nullptr, *choice = nullptr,
               *include = nullptr, *reasoning = nullptr, *metadata = nullptr;
    BodyReader reader(body);
    reader.Required("model").Required("input").Any("input", input);
    HONE_RETURN_IF_ERROR(ReadPlainFields(reader, request));
    reader.Object("text", text).Array("tools", 0, kMaxTools, tools).Any("tool_choice", choice);
    reader.Array("include", 0, 32, include).Object("reasoning", reasoning);
    reader.Object("metadata", metadata);
    for (const char* label : {"user", "safety_identifier", "prompt_cache_key",
                              "prompt_cache_retention", "stream_options"})
        reader.Skip(label);
    for (const char* name : {"conversation", "prompt", "context_management", "moderation"})
        reader.Refuse(name, "is not supported.");
    HONE_RETURN_IF_ERROR(reader.Finish());
    if (metadata != nullptr) request.metadata = *metadata;
    HONE_RETURN_IF_ERROR(ReadInput(*input, request));
    if (request.items.empty() && request.previous.empty())
        return RequestError("Invalid 'input': there is nothing to answer.", "input", "empty_array");
    if (text != nullptr) HONE_RETURN_IF_ERROR(ReadText(*text, request));
    if (tools != nullptr) HONE_RETURN_IF_ERROR(ReadTools(*tools, request));
    if (choice != nullptr) HONE_RETURN_IF_ERROR(ReadToolChoice(*choice, request));
    if (include != nullptr) HONE_RETURN_IF_ERROR(ReadInclude(*include, request));
    if (reasoning != nullptr) HONE_RETURN_IF_ERROR(CheckReasoning(*reasoning));
    if (request.logprobs) request.chat["logprobs"] = true;
    return request;
}

Json ChatMessages(const std::string& instructions, const Json& items) {
    Json messages = Json::array();
    if (!instructions.empty()) messages.push_back({{"role", "system"}, {"content", instructions}});
    for (const Json& item : items) {
        const std::string type = item["type"];
        const bool after_assistant = !messages.empty() && messages.back()["role"] == "assistant";
        if (type == "function_call_output") {
            messages.push_back(
                {{"role", "tool"}, {"tool_call_id", item["call_id"]}, {"content", item["output"]}});
        } else if (type == "function_call") {
            if (!after_assistant) messages.push_back({{"role", "assistant"}, {"content", nullptr}});
            messages.back()["tool_calls"].push_back(
                {{"id", item["call_id"]},
                 {"type", "function"},
                 {"function", {{"name", item["name"]}, {"arguments", item["arguments"]}}}});
        } else {
            std::string content;
            for (const Json& part : item["content"]) content += part["text"].get<std::string>();
            const std::string role = item["role"];
            // Templates take one system message, at the front.
            if ((role == "system" || role == "developer") && messages.size() == 1 &&
                messages[0]["role"] == "system") {
                messages[0]["content"] =
                    messages[0]["content"].get<std::string>() + "\n\n" + content;
            } else {
                messages.push_back({{"role", role}, {"content", content}});
            }
        }
    }
    return messages;
}

}  // namespace hone::server
