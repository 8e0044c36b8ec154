#include <algorithm>

#include "answer/openai/api_error.h"
#include "answer/openai/draw_fields.h"

namespace hone {
namespace {

using Json = nlohmann::ordered_json;

bool IsName(std::string_view name) {
    return !name.empty() && name.size() <= kMaxNameLength &&
           std::all_of(name.begin(), name.end(), [](char c) {
               return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      c == '_' || c == '-';
           });
}

absl::Status NameError(const std::string& param, std::string_view name) {
    return RequestError(
        fmt::format("Invalid '{}': '{:.80}' is not of 1 to {} letters, digits, '_' and '-'.", param,
                    name, kMaxNameLength),
        param, "invalid_value");
}

// A string, or parts of which only texts can be used.
absl::Status CheckContent(const Json& content, const std::string& param) {
    if (content.is_string() || content.is_null()) return absl::OkStatus();
    if (!content.is_array()) return TypeError(param, "a string or an array of objects", content);
    if (content.empty())
        return RequestError(fmt::format("Invalid '{}': empty array. Expected an array with minimum "
                                        "length 1, but got an empty array instead.",
                                        param),
                            param, "empty_array");
    for (size_t i = 0; i < content.size(); ++i) {
        const std::string path = fmt::format("{}[{}]", param, i);
        std::optional<std::string> type, text;
        BodyReader part(content[i], path);
        part.Required("type").Choice("type",
                                     {"text", "refusal", "image_url", "input_audio", "file"}, type);
        if (!part.status().ok()) return part.status();
        if (*type != "text" && *type != "refusal")
            return RequestError(
                fmt::format("Invalid '{}': content of type '{}' cannot be used: the model reads "
                            "text alone.",
                            path, *type),
                path, "unsupported_value");
        part.Required(type->c_str()).Text(type->c_str(), kMaxTextBytes, text);
        HONE_RETURN_IF_ERROR(part.Finish());
    }
    return absl::OkStatus();
}

absl::Status CheckToolCalls(const Json& calls, const std::string& param) {
    for (size_t i = 0; i < calls.size(); ++i) {
        const std::string path = fmt::format("{}[{}]", param, i);
        const Json* function = nullptr;
        std::optional<std::string> id, type, name, arguments;
        BodyReader call(calls[i], path);
        call.Required("id").Text("id", 256, id).Choice("type", {"function"}, type);
        call.Required("function").Object("function", function).Skip("index");
        HONE_RETURN_IF_ERROR(call.Finish());
        BodyReader inner(*function, path + ".function");
        inner.Required("name").Text("name", 256, name);
        inner.Required("arguments").Text("arguments", kMaxTextBytes, arguments);
        HONE_RETURN_IF_ERROR(inner.Finish());
    }
    return absl::OkStatus();
}

absl::Status CheckMessage(const Json& message, const std::string& path) {
    std::optional<std::string> role, name, text;
    const Json* content = nullptr;
    const Json* calls = nullptr;
    BodyReader reader(message, path);
    reader.Required("role").Choice(
        "role", {"system", "developer", "user", "assistant", "tool", "function"}, role);
    if (!reader.status().ok()) return reader.status();
    reader.Any("content", content).Text("name", 256, name);
    const bool assistant = *role == "assistant";
    if (assistant) {
        reader.Text("refusal", kMaxTextBytes, text).Array("tool_calls", 1, kMaxTools, calls);
        reader.Skip("annotations").Skip("function_call").Skip("reasoning_content").Skip("weight");
        reader.Refuse("audio", "cannot be used: the model reads text alone.");
    }
    if (*role == "tool") reader.Required("tool_call_id").Text("tool_call_id", 256, text);
    HONE_RETURN_IF_ERROR(reader.Finish());
    if (content != nullptr) HONE_RETURN_IF_ERROR(CheckContent(*content, reader.Path("content")));
    if (calls != nullptr) HONE_RETURN_IF_ERROR(CheckToolCalls(*calls, reader.Path("tool_calls")));
    const bool old_call = assistant && message.contains("function_call");
    if (content == nullptr && calls == nullptr && !old_call && text.value_or("").empty())
        return RequestError(fmt::format("Invalid value for '{}': expected a string, got null.",
                                        reader.Path("content")),
                            reader.Path("content"), "invalid_type");
    return absl::OkStatus();
}

absl::Status ReadMessages(const Json& messages, Conversation& conversation) {
    Json plain = messages;
    for (size_t i = 0; i < messages.size(); ++i) {
        const std::string path = fmt::format("messages[{}]", i);
        HONE_RETURN_IF_ERROR(CheckMessage(messages[i], path));
        Json& message = plain[i];
        message.erase("annotations");
        message.erase("weight");
        // What an assistant refused with is what it said.
        if (message.contains("refusal")) {
            if (message["refusal"].is_string() && message.value("content", Json()).is_null())
                message["content"] = message["refusal"];
            message.erase("refusal");
        }
        Json& content = message["content"];
        if (!content.is_array()) continue;
        for (Json& part : content)
            if (part["type"] == "refusal") part = {{"type", "text"}, {"text", part["refusal"]}};
    }
    auto parsed = ParseMessages(plain);
    if (!parsed.ok()) return RequestError(std::string(parsed.status().message()), "messages");
    conversation = *std::move(parsed);
    return absl::OkStatus();
}

absl::Status ReadFormat(const Json& value, ResponseFormat& format) {
    std::optional<std::string> type, name, description;
    const Json* schema = nullptr;
    BodyReader reader(value, "response_format");
    reader.Required("type").Choice("type", {"text", "json_object", "json_schema"}, type);
    reader.Object("json_schema", schema);
    HONE_RETURN_IF_ERROR(reader.Finish());
    if (*type == "json_object") format.kind = ResponseFormat::Kind::kJsonObject;
    if (*type != "json_schema") return absl::OkStatus();
    format.kind = ResponseFormat::Kind::kJsonSchema;
    if (schema == nullptr)
        return RequestError("Missing required parameter: 'response_format.json_schema'.",
                            "response_format.json_schema", "missing_required_parameter");
    const Json* inner = nullptr;
    BodyReader json_schema(*schema, "response_format.json_schema");
    json_schema.Required("name")
        .Text("name", SIZE_MAX, name)
        .Text("description", 65536, description);
    json_schema.Object("schema", inner).Bool("strict", format.strict);
    HONE_RETURN_IF_ERROR(json_schema.Finish());
    if (!IsName(*name)) return NameError("response_format.json_schema.name", *name);
    format.name = *name;
    format.schema = inner == nullptr ? Json::object() : *inner;
    return absl::OkStatus();
}

absl::Status ReadTools(const Json& tools, ChatRequest& request) {
    for (size_t i = 0; i < tools.size(); ++i) {
        const std::string path = fmt::format("tools[{}]", i);
        std::optional<std::string> type, name, description;
        const Json* function = nullptr;
        BodyReader reader(tools[i], path);
        reader.Required("type").Choice("type", {"function", "custom"}, type);
        if (type == "custom")
            return RequestError(
                fmt::format("Invalid '{}': tools of type 'custom' are not supported, only "
                            "'function'.",
                            path),
                path, "unsupported_value");
        reader.Required("function").Object("function", function);
        HONE_RETURN_IF_ERROR(reader.Finish());
        FunctionTool tool;
        const Json* parameters = nullptr;
        BodyReader inner(*function, path + ".function");
        inner.Required("name").Text("name", SIZE_MAX, name);
        inner.Text("description", 65536, description).Object("parameters", parameters);
        inner.Bool("strict", tool.strict);
        HONE_RETURN_IF_ERROR(inner.Finish());
        if (!IsName(*name)) return NameError(inner.Path("name"), *name);
        tool.name = *name;
        if (parameters != nullptr) tool.parameters = *parameters;
        for (const FunctionTool& other : request.tools)
            if (other.name == tool.name)
                return RequestError(fmt::format("Two tools have the name '{}'.", tool.name),
                                    inner.Path("name"), "invalid_value");
        request.tools.push_back(std::move(tool));
        Json shown = {{"type", "function"}, {"function", *function}};
        shown["function"].erase("strict");
        if (parameters == nullptr)
            shown["function"]["parameters"] = {{"type", "object"}, {"properties", Json::object()}};
        request.conversation.tools.push_back(std::move(shown));
    }
    return absl::OkStatus();
}

absl::Status ReadToolChoice(const Json* value, ChatRequest& request) {
    using Kind = ToolChoice::Kind;
    ToolChoice& choice = request.tool_choice;
    choice.kind = request.tools.empty() ? Kind::kNone : Kind::kAuto;
    if (value == nullptr) return absl::OkStatus();
    if (request.tools.empty())
        return RequestError(
            "Invalid value for 'tool_choice': 'tool_choice' is only allowed when 'tools' are "
            "specified.",
            "tool_choice", "invalid_value");
    if (value->is_string()) {
        for (const auto& [name, kind] : {std::pair("none", Kind::kNone),
                                         {"auto", Kind::kAuto},
                                         {"required", Kind::kRequired}}) {
            if (*value != name) continue;
            choice.kind = kind;
            return absl::OkStatus();
        }
        return RequestError(fmt::format("Invalid value: '{:.60}'. Supported values are: 'none', "
                                        "'auto', and 'required'.",
                                        value->get_ref<const std::string&>()),
                            "tool_choice", "invalid_value");
    }
    std::optional<std::string> type, name;
    const Json* function = nullptr;
    BodyReader reader(*value, "tool_choice");
    reader.Required("type").Choice("type", {"function"}, type);
    reader.Required("function").Object("function", function);
    HONE_RETURN_IF_ERROR(reader.Finish());
    BodyReader inner(*function, "tool_choice.function");
    inner.Required("name").Text("name", SIZE_MAX, name);
    HONE_RETURN_IF_ERROR(inner.Finish());
    choice.kind = Kind::kNamed;
    choice.name = *name;
    for (const FunctionTool& tool : request.tools)
        if (tool.name == choice.name) return absl::OkStatus();
    return RequestError(
        fmt::format("Invalid value for 'tool_choice': no tool has the name '{:.80}'.", choice.name),
        "tool_choice.function.name", "invalid_value");
}

}  // namespace

absl::StatusOr<ChatRequest> ReadChatRequest(const Json& body) {
    ChatRequest request;
    BodyReader reader(body);
    const Json* messages = nullptr;
    const Json* format = nullptr;
    const Json* tools = nullptr;
    const Json* tool_choice = nullptr;
    const Json* modalities = nullptr;
    std::optional<int64_t> n, top_logprobs, max_completion_tokens;
    std::optional<std::string> verbosity, effort;
    reader.Required("messages").Array("messages", 1, kMaxMessages, messages);
    reader.Integer("n", 1, kMaxChoices, n).Integer("top_logprobs", 0, 20, top_logprobs);
    reader.Integer("max_tokens", 1, INT32_MAX, request.max_tokens);
    reader.Integer("max_completion_tokens", 1, INT32_MAX, max_completion_tokens);
    reader.Bool("logprobs", request.logprobs)
        .Bool("parallel_tool_calls", request.parallel_tool_calls);
    reader.Object("response_format", format).Array("tools", 1, kMaxTools, tools);
    reader.Any("tool_choice", tool_choice).Array("modalities", 1, 2, modalities);
    reader.Choice("verbosity", {"medium"}, verbosity).Choice("reasoning_effort", {"none"}, effort);
    for (const char* name : {"functions", "function_call"})
        reader.Refuse(name, "is the older form: use 'tools' and 'tool_choice'.");
    for (const char* name : {"audio", "prediction", "web_search_options", "moderation"})
        reader.Refuse(name, "is not supported.");
    ReadDrawFields(reader, request);
    HONE_RETURN_IF_ERROR(reader.Finish());
    if (modalities != nullptr && *modalities != Json::array({"text"}))
        return RequestError("Invalid value for 'modalities': only [\"text\"] is supported.",
                            "modalities", "unsupported_value");
    if (top_logprobs && !request.logprobs)
        return RequestError(
            "Invalid value for 'top_logprobs': 'logprobs' must be set to true if 'top_logprobs' is "
            "used.",
            "top_logprobs", "invalid_value");
    if (max_completion_tokens) {
        if (request.max_tokens)
            return RequestError(
                "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not "
                "supported.",
                "max_tokens", "invalid_parameter_combination");
        request.max_tokens = max_completion_tokens;
    }
    request.n = n.value_or(1);
    request.top_logprobs = top_logprobs.value_or(0);
    HONE_RETURN_IF_ERROR(ReadMessages(*messages, request.conversation));
    if (format != nullptr) HONE_RETURN_IF_ERROR(ReadFormat(*format, request.format));
    if (tools != nullptr) HONE_RETURN_IF_ERROR(ReadTools(*tools, request));
    HONE_RETURN_IF_ERROR(ReadToolChoice(tool_choice, request));
    return request;
}

}  // namespace hone
