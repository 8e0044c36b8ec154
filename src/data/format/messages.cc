#include "data/format/messages.h"

#include <array>
#include <optional>
#include <utility>

#include "base/text/text.h"
#include "data/read/row_reader.h"

namespace hone {
namespace {

using nlohmann::ordered_json;

constexpr std::array<std::string_view, 5> kRoles = {"system", "developer", "user", "assistant",
                                                    "tool"};

std::string Shown(const ordered_json& value) {
    return value.dump(-1, ' ', false, ordered_json::error_handler_t::replace).substr(0, 60);
}

absl::Status CheckRole(const ordered_json& message, size_t number) {
    const auto role = message.find("role");
    if (role == message.end()) return DataError("message {} has no \"role\"", number);
    if (!role->is_string())
        return DataError("message {}: \"role\" must be a string, not {}", number, Shown(*role));
    const auto& name = role->get_ref<const std::string&>();
    for (std::string_view known : kRoles)
        if (name == known) return absl::OkStatus();
    const char* hint = name == "human" ? "; write user for human"
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

absl::Status CheckToolCalls(const ordered_json& calls, size_t number) {
    if (!calls.is_array())
        return DataError("message {}: \"tool_calls\" must be a list, not {}", number,
                         calls.type_name());
    for (const ordered_json& call : calls) {
        if (!call.is_object())
            return DataError("message {}: a tool call must be an object, not {}", number,
                             Shown(call));
        const auto function = call.find("function");
        const ordered_json& target = function != call.end() ? *function : call;
        if (!target.is_object() || !target.contains("name") || !target["name"].is_string())
            return DataError("message {}: a tool call without a function name", number);
    }
    return absl::OkStatus();
}

// What tools call the loss weight of a turn: OpenAI and Mistral, ms-swift, Axolotl, LLaMA-Factory.
constexpr std::array<std::string_view, 6> kWeightNames = {"weight",   "loss",        "train",
                                                          "training", "loss_weight", "loss_scale"};

// The loss weight, taken out of the message: 0 for all but the assistant, whose own is 0 or 1.
absl::StatusOr<float> TakeWeight(ordered_json& message, size_t number) {
    const bool assistant = message["role"] == "assistant";
    std::optional<float> weight;
    std::string said;  // "weight 1"
    for (std::string_view name : kWeightNames) {
        const auto found = message.find(std::string(name));
        if (found == message.end()) continue;
        const ordered_json value = *found;
        message.erase(found);
        if (value.is_null()) continue;
        if (!value.is_boolean() && (!value.is_number() || (value != 0 && value != 1)))
            return DataError("message {}: \"{}\" must be 0 or 1, not {}", number, name,
                             Shown(value));
        const float own = value == true || value == 1 ? 1.0f : 0.0f;
        if (own == 1 && !assistant)
            return DataError(
                "message {}: \"{}\" {} is for messages of the assistant only; --train_on_prompt "
                "trains all",
                number, name, Shown(value));
        const std::string here = fmt::format("\"{}\" {}", name, Shown(value));
        if (weight && *weight != own)
            return DataError("message {}: {} and {} contradict each other", number, said, here);
        weight = own;
        said = here;
    }
    for (const char* name : {"train_detail", "training_detail"})
        if (const auto found = message.find(name); found != message.end() && !found->is_null())
            return DataError(
                "message {}: \"{}\" is not read: hone trains a message whole or not at all "
                "(\"weight\": 0 or 1)",
                number, name);
    return weight.value_or(assistant ? 1.0f : 0.0f);
}

// A function call in a text of its own, {"name": ..., "arguments": ...} or a list of them, as
// OpenAI's tool_calls.
absl::Status ReadCallText(ordered_json& message, size_t number) {
    const auto content = message.find("content");
    ordered_json calls;
    if (content == message.end() || !content->is_string() ||
        !ParseInnerJson(content->get_ref<const std::string&>(), &calls) || !calls.is_structured())
        return DataError(
            "message {}: a function call must be JSON, {{\"name\": ..., \"arguments\": ...}}, not "
            "{}",
            number, content == message.end() ? "missing" : Shown(*content));
    if (calls.is_object()) calls = ordered_json::array({calls});
    message["role"] = "assistant";
    message["content"] = nullptr;
    message["tool_calls"] = ordered_json::array();
    for (ordered_json& call : calls)
        message["tool_calls"].push_back({{"type", "function"}, {"function", std::move(call)}});
    return absl::OkStatus();
}

// The names of other tools and of OpenAI's older form as today's: roles, function_call.
absl::Status Modernise(ordered_json& message, size_t number) {
    const auto role = message.find("role");
    if (role != message.end() && role->is_string()) {
        const std::string name = *role;
        if (name == "function" || name == "tool_response" || name == "observation")
            message["role"] = "tool";
        if (name == "function_call" || name == "tool_call")
            HONE_RETURN_IF_ERROR(ReadCallText(message, number));
    }
    const auto call = message.find("function_call");
    if (call == message.end()) return absl::OkStatus();
    ordered_json function = *call;
    message.erase(call);
    if (function.is_null()) return absl::OkStatus();
    if (message.contains("tool_calls") && !message["tool_calls"].is_null())
        return DataError("message {} has \"function_call\" and \"tool_calls\": write one", number);
    message["tool_calls"] =
        ordered_json::array({{{"type", "function"}, {"function", std::move(function)}}});
    return absl::OkStatus();
}

// Checks and rewrites one message; appends its weight.
absl::Status AddMessage(ordered_json message, Conversation* conversation) {
    const size_t number = conversation->messages.size() + 1;
    if (!message.is_object())
        return DataError("message {} must be an object, not {}", number, Shown(message));
    HONE_RETURN_IF_ERROR(Modernise(message, number));
    HONE_RETURN_IF_ERROR(CheckRole(message, number));
    const auto calls = message.find("tool_calls");
    bool has_calls = calls != message.end() && !calls->is_null();
    if (calls != message.end() && !has_calls) message.erase("tool_calls");
    if (has_calls) {
        if (message["role"] != "assistant")
            return DataError("message {}: \"tool_calls\" is for messages of the assistant only",
                             number);
        HONE_RETURN_IF_ERROR(CheckToolCalls(message["tool_calls"], number));
        has_calls = !message["tool_calls"].empty();
        if (!has_calls) message.erase("tool_calls");  // templates would show an empty call
    }
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
    if (message["role"] == "assistant" && !has_calls &&
        IsBlank(message["content"].get_ref<const std::string&>()))
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

// A list, or a text of JSON that is one: so tables hold them.
absl::StatusOr<ordered_json> ListField(const ordered_json& value, std::string_view name) {
    ordered_json list = value;
    if (value.is_string() && !ParseInnerJson(value.get_ref<const std::string&>(), &list))
        return DataError("\"{}\" is a string that is not JSON", name);
    if (!list.is_array() && !list.is_null())
        return DataError("\"{}\" must be a list, not {}", name, list.type_name());
    return list;
}

bool RemoveNulls(ordered_json& value) {
    bool any = false;
    for (auto member = value.begin(); value.is_object() && member != value.end();) {
        any |= member->is_null();
        if (member->is_null()) {
            member = value.erase(member);
        } else {
            ++member;
        }
    }
    for (ordered_json& inner : value)
        if (inner.is_structured()) any |= RemoveNulls(inner);
    return any;
}

// The parameters that a tool declares, or null.
ordered_json* Properties(ordered_json& tool) {
    ordered_json* at = &tool;
    if (at->contains("function")) at = &(*at)["function"];
    for (const char* name : {"parameters", "properties"}) {
        if (!at->is_object() || !at->contains(name)) return nullptr;
        at = &(*at)[name];
    }
    return at->is_object() ? at : nullptr;
}

// Arrow's tables have one type for the parameters of all tools, so files that came out of one list
// each tool's with those of the others, as null. No schema means that: there the nulls are left out
// of the tools and of the arguments of the calls.
void RemoveArrowNulls(Conversation* conversation) {
    bool from_arrow = false;
    for (ordered_json& tool : conversation->tools)
        if (ordered_json* properties = Properties(tool))
            for (const ordered_json& property : *properties) from_arrow |= property.is_null();
    if (!from_arrow) return;
    RemoveNulls(conversation->tools);
    for (ordered_json& message : conversation->messages) {
        if (!message.contains("tool_calls")) continue;
        for (ordered_json& call : message["tool_calls"]) {
            ordered_json& target = call.contains("function") ? call["function"] : call;
            if (target.contains("arguments") && target["arguments"].is_object())
                RemoveNulls(target["arguments"]);
        }
    }
}

absl::Status SetTools(const ordered_json& tools, Conversation* conversation) {
    HONE_ASSIGN_OR_RETURN(ordered_json list, ListField(tools, "tools"));
    if (list.is_null()) return absl::OkStatus();
    for (const ordered_json& tool : list)
        if (!tool.is_object()) return DataError("\"tools\" must hold objects, not {}", Shown(tool));
    if (!list.empty()) conversation->tools = std::move(list);
    return absl::OkStatus();
}

// "tools", or OpenAI's older "functions", which are the same without a wrapping.
absl::Status SetRowTools(const ordered_json& row, Conversation* conversation) {
    const auto tools = row.find("tools"), functions = row.find("functions");
    if (tools != row.end()) HONE_RETURN_IF_ERROR(SetTools(*tools, conversation));
    if (functions == row.end() || functions->is_null()) return absl::OkStatus();
    if (!conversation->tools.is_null())
        return DataError("\"functions\" and \"tools\": write one of the two");
    HONE_ASSIGN_OR_RETURN(const ordered_json list, ListField(*functions, "functions"));
    ordered_json wrapped = ordered_json::array();
    for (const ordered_json& function : list)
        wrapped.push_back({{"type", "function"}, {"function", function}});
    return SetTools(wrapped, conversation);
}

absl::Status AddSystem(const ordered_json& row, Conversation* conversation) {
    const auto system = row.find("system");
    if (system == row.end() || system->is_null() || *system == "") return absl::OkStatus();
    if (!system->is_string())
        return DataError("\"system\" must be a string, not {}", system->type_name());
    return AddMessage({{"role", "system"}, {"content", *system}}, conversation);
}

// The messages of a row behind its system text, if it has one.
absl::Status AddTurns(const ordered_json& turns, Conversation* conversation) {
    const bool has_system = !conversation->messages.empty();
    for (const ordered_json& turn : turns) {
        HONE_RETURN_IF_ERROR(AddMessage(turn, conversation));
        if (!has_system || conversation->messages.size() != 2) continue;
        if (conversation->messages[1]["role"] != "system") continue;
        const ordered_json& second = conversation->messages[1]["content"];
        if (!IsBlank(second.get_ref<const std::string&>()) &&
            conversation->messages[0]["content"] != second)
            return DataError("\"system\" and a system message that says something else");
        conversation->messages.erase(1);  // the same text twice, or none
        conversation->weights.pop_back();
    }
    return absl::OkStatus();
}

std::string_view ShareGptRole(std::string_view from) {
    if (from == "human" || from == "user") return "user";
    if (from == "gpt" || from == "assistant" || from == "chatgpt" || from == "model" ||
        from == "bing" || from == "bard")
        return "assistant";
    if (from == "system") return "system";
    if (from == "tool" || from == "function_response" || from == "tool_response" ||
        from == "observation")
        return "tool";
    if (from == "function_call" || from == "tool_call") return "function_call";
    return "";
}

// {"from", "value"} as {"role", "content"}, with the weight if it has one.
absl::StatusOr<ordered_json> ShareGptMessage(const ordered_json& turn, size_t number) {
    if (!turn.is_object())
        return DataError("message {} must be an object, not {}", number, Shown(turn));
    // The same field with OpenAI's messages in it. Arrow has null where there is none.
    if (const auto role = turn.find("role"); role != turn.end() && !role->is_null()) return turn;
    const auto from = turn.find("from"), value = turn.find("value");
    if (from == turn.end() || !from->is_string())
        return DataError("message {} has no \"from\" string", number);
    if (value == turn.end() || !value->is_string())
        return DataError("message {} has no \"value\" string", number);
    const std::string_view role = ShareGptRole(from->get_ref<const std::string&>());
    if (role.empty())
        return DataError(
            "message {}: unknown \"from\" {} (known: human, gpt, system, tool, function_call, "
            "observation)",
            number, Shown(*from));
    ordered_json message = {{"role", role}, {"content", *value}};
    for (const auto& [name, other] : turn.items())
        if (name != "from" && name != "value" && name != "role" && name != "content")
            message[name] = other;
    return message;
}

}  // namespace

bool ParseInnerJson(const std::string& text, ordered_json* value) {
    RawRow raw;
    raw.text = "{\"value\":" + text + "}";
    ordered_json wrapped;
    ParseProblem problem;
    if (!ParseJsonRow(raw, &wrapped, &problem)) return false;
    *value = std::move(wrapped["value"]);
    return true;
}

absl::StatusOr<Conversation> ParseMessages(const ordered_json& messages,
                                           const ordered_json& tools) {
    return ParseMessagesRow({{"messages", messages}, {"tools", tools}});
}

absl::StatusOr<Conversation> ParseMessagesRow(const ordered_json& row) {
    const auto field = row.find("messages");
    if (field == row.end()) return DataError("\"messages\" is missing");
    HONE_ASSIGN_OR_RETURN(const ordered_json messages, ListField(*field, "messages"));
    HONE_RETURN_IF_ERROR(CheckCount(messages.size()));
    Conversation conversation;
    HONE_RETURN_IF_ERROR(SetRowTools(row, &conversation));
    HONE_RETURN_IF_ERROR(AddSystem(row, &conversation));
    HONE_RETURN_IF_ERROR(AddTurns(messages, &conversation));
    RemoveArrowNulls(&conversation);
    return conversation;
}

absl::StatusOr<Conversation> ParseShareGpt(const ordered_json& row) {
    const auto field = row.find("conversations");
    if (field == row.end()) return DataError("\"conversations\" is missing");
    HONE_ASSIGN_OR_RETURN(const ordered_json turns, ListField(*field, "conversations"));
    ordered_json messages = ordered_json::array();
    for (const ordered_json& turn : turns) {
        HONE_ASSIGN_OR_RETURN(ordered_json message, ShareGptMessage(turn, messages.size() + 1));
        messages.push_back(std::move(message));
    }
    ordered_json plain = {{"messages", std::move(messages)}};
    for (const char* name : {"tools", "functions", "system"})
        if (const auto value = row.find(name); value != row.end()) plain[name] = *value;
    return ParseMessagesRow(plain);
}

}  // namespace hone
