#include "answer/openai/tool_calls.h"

#include <algorithm>
#include <array>

#include "base/files/json_file.h"

namespace hone {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kHermesOpen = "<tool_call>", kHermesClose = "</tool_call>",
                           kMistralOpen = "[TOOL_CALLS]", kPythonTag = "<|python_tag|>";
constexpr std::array<std::string_view, 3> kMarks = {kHermesOpen, kMistralOpen, kPythonTag};

std::string_view Trimmed(std::string_view text) {
    const size_t begin = text.find_first_not_of(" \t\r\n");
    if (begin == std::string_view::npos) return "";
    return text.substr(begin, text.find_last_not_of(" \t\r\n") + 1 - begin);
}

// A question, and the call that answers it.
Json Probe() {
    Json call = {{"id", "call00001"}, {"type", "function"}};
    call["function"] = {{"name", "f907"}, {"arguments", {{"key908", "b"}}}};
    Json answer = {{"role", "assistant"}, {"content", ""}};
    answer["tool_calls"] = Json::array({call});
    return Json::array({{{"role", "user"}, {"content", "a"}}, answer});
}

}  // namespace

ToolForm FindToolForm(const ConversationEncoder& encoder) {
    ToolForm form;
    Conversation probe;
    probe.tools = Json::array();
    probe.tools.push_back(
        {{"type", "function"},
         {"function",
          {{"name", "f907"},
           {"description", "d"},
           {"parameters", {{"type", "object"}, {"properties", Json::object()}}}}}});
    probe.messages = Probe();
    probe.messages.erase(1);
    const auto asked = encoder.RenderConversation(probe, true);
    form.shows_tools = asked.ok() && asked->find("f907") != std::string::npos;
    form.open = "<tool_call>\n";
    if (!form.shows_tools) return form;
    probe.messages = Probe();
    const auto called = encoder.RenderConversation(probe, false);
    const size_t key = called.ok() ? called->find("key908") : std::string::npos;
    if (key == std::string::npos) return form;
    const size_t name = called->rfind("f907", key);
    const std::string before = called->substr(0, name), between = called->substr(name, key - name);
    if (between.find("\"parameters\"") != std::string::npos) form.arguments_key = "parameters";
    const size_t hermes = before.rfind(kHermesOpen), mistral = before.rfind(kMistralOpen);
    // The mark belongs to the call where nothing but the beginning of its JSON comes between.
    const auto opens = [&](size_t at, std::string_view mark) {
        return at != std::string::npos && before.size() - at - mark.size() <= 24;
    };
    if (opens(mistral, kMistralOpen)) {
        form.open = "[TOOL_CALLS] [";
    } else if (!opens(hermes, kHermesOpen)) {
        form.open = "";
    }
    return form;
}

void AddToolsMessage(Conversation& conversation) {
    std::string text = "You may call functions. These are their signatures, as JSON:\n<tools>\n";
    for (const Json& tool : conversation.tools)
        text += tool.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
    text +=
        "</tools>\nTo call one, answer with its name and arguments:\n<tool_call>\n{\"name\": NAME, "
        "\"arguments\": ARGUMENTS}\n</tool_call>";
    conversation.tools = nullptr;
    Json& messages = conversation.messages;
    if (!messages.empty() &&
        (messages[0]["role"] == "system" || messages[0]["role"] == "developer")) {
        messages[0]["content"] = messages[0]["content"].get<std::string>() + "\n\n" + text;
        return;
    }
    messages.insert(messages.begin(), Json{{"role", "system"}, {"content", text}});
    conversation.weights.insert(conversation.weights.begin(), 0.0f);
}

bool ToolCallReader::ReadCall(const Json& call, std::vector<ToolCall>& calls) const {
    if (!call.is_object()) return false;
    const auto name = call.find("name");
    if (name == call.end() || !name->is_string() ||
        std::find(names_.begin(), names_.end(), name->get_ref<const std::string&>()) ==
            names_.end())
        return false;
    for (const char* key : {"arguments", "parameters"}) {
        const auto arguments = call.find(key);
        if (arguments == call.end()) continue;
        // Some write the arguments as a text of JSON.
        calls.push_back(
            {*name, arguments->is_string()
                        ? arguments->get<std::string>()
                        : arguments->dump(-1, ' ', false, Json::error_handler_t::replace)});
        return true;
    }
    return false;
}

bool ToolCallReader::ReadCalls(std::string_view json, std::vector<ToolCall>& calls) const {
    const auto parsed = ParseJson<Json>(json, "call");
    if (!parsed.ok()) return false;
    if (!parsed->is_array()) return ReadCall(*parsed, calls);
    for (const Json& call : *parsed)
        if (!ReadCall(call, calls)) return false;
    return !parsed->empty();
}

std::string ToolCallReader::Push(std::string_view text) {
    held_ += text;
    if (holding_) return "";
    if (!begun_) {
        const std::string_view trimmed = Trimmed(held_);
        if (trimmed.empty()) return "";
        holding_ = trimmed[0] == '{' || trimmed[0] == '[';
        if (holding_) return "";
    }
    size_t certain = held_.size();
    for (std::string_view mark : kMarks) {
        const size_t at = held_.find(mark);
        if (at != std::string::npos) holding_ = true;
        certain = std::min(certain, at);
        // An end of the text that the mark begins with.
        for (size_t length = std::min(mark.size() - 1, held_.size()); length > 0; --length)
            if (std::string_view(held_).ends_with(mark.substr(0, length))) {
                certain = std::min(certain, held_.size() - length);
                break;
            }
    }
    std::string out = held_.substr(0, certain);
    held_.erase(0, certain);
    begun_ |= !out.empty();
    return out;
}

// Blocks of "<tool_call>...</tool_call>"; the last one need not be closed.
std::string ToolCallReader::FinishTagged(std::string_view held) {
    std::string text;
    while (!held.empty()) {
        const size_t open = held.find(kHermesOpen);
        if (open == std::string_view::npos) {
            text += held;
            break;
        }
        text += held.substr(0, open);
        const size_t inside = open + kHermesOpen.size();
        const size_t close = held.find(kHermesClose, inside);
        const size_t end =
            close == std::string_view::npos ? held.size() : close + kHermesClose.size();
        if (!ReadCalls(Trimmed(held.substr(inside, close - inside)), calls_))
            text += held.substr(open, end - open);
        held.remove_prefix(end);
    }
    return text;
}

std::string ToolCallReader::Finish() {
    const std::string held = std::move(held_);
    held_.clear();
    const std::string_view trimmed = Trimmed(held);
    std::string text = held;
    if (trimmed.find(kHermesOpen) != std::string_view::npos) {
        text = FinishTagged(held);
    } else {
        std::string_view json = trimmed;
        for (std::string_view mark : {kMistralOpen, kPythonTag})
            if (json.starts_with(mark)) json = Trimmed(json.substr(mark.size()));
        std::vector<ToolCall> calls;
        if (ReadCalls(json, calls)) {
            calls_ = std::move(calls);
            return "";
        }
    }
    // The line breaks between calls are nobody's words.
    return calls_.empty() || !Trimmed(text).empty() ? text : "";
}

}  // namespace hone
