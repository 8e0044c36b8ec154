#include "data/format/messages.h"

#include <array>
#include <utility>

#include "data/read/row_reader.h"

namespace hone {
namespace {

using nlohmann::ordered_json;

constexpr std::array<std::string_view, 5> kRoles = {"system", "developer", "user", "assistant",
                                                    "tool"};

std::string Shown(const ordered_json& value) {
    return value.dump(-1, ' ', false, ordered_json::error_handler_t::replace).substr(0, 60);
}

// JSON inside a string, under the same limits as the row itself.
bool ParseInner(const std::string& text, ordered_json* value) {
    RawRow raw;
    raw.text = "{\"value\":" + text + "}";
    ordered_json wrapped;
    ParseProblem problem;
    if (!ParseJsonRow(raw, &wrapped, &problem)) return false;
    *value = std::move(wrapped["value"]);
    return true;
}

absl::Status CheckRole(const ordered_json& message, size_t number) {
    const auto role = message.find("role");
    if (role == message.end()) return DataError("message {} has no \"role\"", number);
    if (!role->is_string())
        return DataError("message {}: \"role\" must be a string, not {}", number, Shown(*role));
    const auto& name = role->get_ref<const std::string&>();
    for (std::string_view known : kRoles)
        if (name == known) return absl::OkStatus();
    const char* hint = name == "function" ? "; write tool for function"
                       : name == "human"  ? "; write user for human"
                       : name == "gpt" || name == "model" || name == "bot" || name == "ai"
                           ? "; write assistant for it"
                           : "";
    return DataError(
        "message {}: unknown role {} (known: system, developer, user, assistant, tool{})", number,
        Shown(*role), hint);
}

// A string, or a list of {"type": "text", "text": ...} whose texts are joined.
absl::StatusOr<std::string> ContentText(const ordered_json& content, size_t number) {
    if (content.is_string()) return content.get<std::string>();
    if (!content.is_array())
        return DataError("message {}: \"content\" must be a string or a list of text parts, not {}",
                         number, content.type_name());
    std::string text;
    for (const ordered_json& part : content) {
        if (part.is_string()) {
            text += part.get_ref<const std::string&>();
            continue;
        }
        const auto type = part.is_object() ? part.find("type") : part.end();
        if (!part.is_object() || type == part.end() || !type->is_string())
            return DataError(
                "message {}: a part of \"content\" must be {{\"type\": \"text\", "
                "\"text\": ...}}, not {}",
                number, Shown(part));
        if (*type != "text")
            return DataError("message {}: content of type {} cannot be used, only text", number,
                             Shown(*type));
        const auto value = part.find("text");
        if (value == part.end() || !value->is_string())
            return DataError("message {}: a text part without a \"text\" string", number);
        text += value->get_ref<const std::string&>();
    }
    return text;
}

// OpenAI writes the arguments as a string of JSON; templates print an object.
absl::Status NormaliseToolCalls(ordered_json& calls, size_t number) {
    if (!calls.is_array())
        return DataError("message {}: \"tool_calls\" must be a list, not {}", number,
                         calls.type_name());
    for (ordered_json& call : calls) {
        if (!call.is_object())
            return DataError("message {}: a tool call must be an object, not {}", number,
                             Shown(call));
        const auto function = call.find("function");
        ordered_json& target = function != call.end() ? *function : call;
        if (!target.is_object() || !target.contains("name") || !target["name"].is_string())
            return DataError("message {}: a tool call without a function name", number);
        const auto arguments = target.find("arguments");
        if (arguments == target.end() || !arguments->is_string()) continue;
        ordered_json parsed;
        if (ParseInner(arguments->get_ref<const std::string&>(), &parsed) && parsed.is_object())
            *arguments = std::move(parsed);
    }
    return absl::OkStatus();
}

// The loss weight: 0 for all but the assistant, whose "weight" is 0 or 1.
absl::StatusOr<float> TakeWeight(ordered_json& message, size_t number) {
    const bool assistant = message["role"] == "assistant";
    const auto weight = message.find("weight");
    if (weight == message.end()) return assistant ? 1.0f : 0.0f;
    const ordered_json value = *weight;
    message.erase("weight");
    if (value.is_null()) return assistant ? 1.0f : 0.0f;
    if (!assistant)
        return DataError("message {}: \"weight\" is for messages of the assistant only", number);
    if (!value.is_number() || (value != 0 && value != 1))
        return DataError("message {}: \"weight\" must be 0 or 1, not {}", number, Shown(value));
    return value == 0 ? 0.0f : 1.0f;
}

// Checks and rewrites one message; appends its weight.
absl::Status AddMessage(ordered_json message, Conversation* conversation) {
    const size_t number = conversation->messages.size() + 1;
    if (!message.is_object())
        return DataError("message {} must be an object, not {}", number, Shown(message));
    HONE_RETURN_IF_ERROR(CheckRole(message, number));
    const auto calls = message.find("tool_calls");
    bool has_calls = calls != message.end() && !calls->is_null();
    if (calls != message.end() && !has_calls) message.erase("tool_calls");
    if (has_calls) {
        if (message["role"] != "assistant")
            return DataError("message {}: \"tool_calls\" is for messages of the assistant only",
                             number);
        HONE_RETURN_IF_ERROR(NormaliseToolCalls(message["tool_calls"], number));
        has_calls = !message["tool_calls"].empty();
    }
    if (message.contains("function_call") && !message["function_call"].is_null())
        return DataError("message {}: \"function_call\" is not read; write \"tool_calls\"", number);
    if (const auto name = message.find("name"); name != message.end() && !name->is_string()) {
        if (!name->is_null()) return DataError("message {}: \"name\" must be a string", number);
        message.erase("name");
    }
    const auto content = message.find("content");
    if (content == message.end() || content->is_null()) {
        if (!has_calls) return DataError("message {} has no \"content\"", number);
        message["content"] = "";
    } else {
        HONE_ASSIGN_OR_RETURN(*content, ContentText(*content, number));
    }
    HONE_ASSIGN_OR_RETURN(float weight, TakeWeight(message, number));
    if (message["role"] == "assistant" && message["content"] == "" && !has_calls)
        return DataError("message {}: the assistant's \"content\" is empty", number);
    conversation->messages.push_back(std::move(message));
    conversation->weights.push_back(weight);
    return absl::OkStatus();
}

absl::Status CheckCount(size_t count) {
    if (count == 0) return DataError("the list of messages is empty");
    if (count > kMaxMessages)
        return DataError("{} messages, more than the limit of {}", count, kMaxMessages);
    return absl::OkStatus();
}

absl::Status SetTools(const ordered_json& tools, Conversation* conversation) {
    if (tools.is_null()) return absl::OkStatus();
    ordered_json list = tools;
    // Tables (CSV, Parquet) hold them as a string of JSON.
    if (list.is_string()) {
        if (!ParseInner(tools.get_ref<const std::string&>(), &list))
            return DataError("\"tools\" is a string that is not JSON");
        if (list.is_null()) return absl::OkStatus();
    }
    if (!list.is_array()) return DataError("\"tools\" must be a list, not {}", list.type_name());
    for (const ordered_json& tool : list)
        if (!tool.is_object()) return DataError("\"tools\" must hold objects, not {}", Shown(tool));
    if (!list.empty()) conversation->tools = std::move(list);
    return absl::OkStatus();
}

std::string_view ShareGptRole(std::string_view from) {
    if (from == "human" || from == "user") return "user";
    if (from == "gpt" || from == "assistant" || from == "chatgpt" || from == "model" ||
        from == "bing" || from == "bard")
        return "assistant";
    if (from == "system") return "system";
    if (from == "tool" || from == "function_response" || from == "observation") return "tool";
    return "";
}

}  // namespace

absl::StatusOr<Conversation> ParseMessages(const ordered_json& messages,
                                           const ordered_json& tools) {
    if (!messages.is_array())
        return DataError("the messages must be a list, not {}", messages.type_name());
    HONE_RETURN_IF_ERROR(CheckCount(messages.size()));
    Conversation conversation;
    HONE_RETURN_IF_ERROR(SetTools(tools, &conversation));
    for (const ordered_json& message : messages)
        HONE_RETURN_IF_ERROR(AddMessage(message, &conversation));
    return conversation;
}

absl::StatusOr<Conversation> ParseShareGpt(const ordered_json& row) {
    const auto turns = row.find("conversations");
    if (turns == row.end() || !turns->is_array())
        return DataError("\"conversations\" must be a list of {{\"from\", \"value\"}}");
    HONE_RETURN_IF_ERROR(CheckCount(turns->size()));
    Conversation conversation;
    if (const auto tools = row.find("tools"); tools != row.end())
        HONE_RETURN_IF_ERROR(SetTools(*tools, &conversation));
    if (const auto system = row.find("system");
        system != row.end() && system->is_string() && *system != "")
        HONE_RETURN_IF_ERROR(AddMessage({{"role", "system"}, {"content", *system}}, &conversation));
    for (const ordered_json& turn : *turns) {
        const size_t number = conversation.messages.size() + 1;
        if (!turn.is_object())
            return DataError("message {} must be an object, not {}", number, Shown(turn));
        if (turn.contains("role")) {  // the same field with OpenAI's messages in it
            HONE_RETURN_IF_ERROR(AddMessage(turn, &conversation));
            continue;
        }
        const auto from = turn.find("from"), value = turn.find("value");
        if (from == turn.end() || !from->is_string())
            return DataError("message {} has no \"from\" string", number);
        if (value == turn.end() || !value->is_string())
            return DataError("message {} has no \"value\" string", number);
        const std::string_view role = ShareGptRole(from->get_ref<const std::string&>());
        if (role.empty())
            return DataError("message {}: unknown \"from\" {} (known: human, gpt, system, tool)",
                             number, Shown(*from));
        ordered_json message = {{"role", role}, {"content", *value}};
        if (const auto weight = turn.find("weight"); weight != turn.end())
            message["weight"] = *weight;
        HONE_RETURN_IF_ERROR(AddMessage(std::move(message), &conversation));
    }
    return conversation;
}

}  // namespace hone
