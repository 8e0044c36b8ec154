#include "data/format/left_out.h"

#include <algorithm>
#include <cctype>
#include <optional>
#include <set>

namespace hone {
namespace {

using nlohmann::ordered_json;

constexpr std::string_view kThoughtEnd = "</think>";
// A shorter text may stand in another place by chance.
constexpr size_t kTellingBytes = 12;

// The bytes of the white space that `text` begins with, as one character; 0: it begins with none.
// Templates trim what Unicode calls so, as Python does.
size_t SpaceBytes(std::string_view text) {
    auto byte = [&](size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0; };
    if (byte(0) < 0x80)
        return !text.empty() && (std::isspace(byte(0)) != 0 || (byte(0) >= 0x1C && byte(0) <= 0x1F))
                   ? 1
                   : 0;
    if (byte(0) == 0xC2) return byte(1) == 0x85 || byte(1) == 0xA0 ? 2 : 0;
    const int code = (byte(0) & 0x0F) << 12 | (byte(1) & 0x3F) << 6 | (byte(2) & 0x3F);
    const bool space = code == 0x1680 || (code >= 0x2000 && code <= 0x200A) || code == 0x2028 ||
                       code == 0x2029 || code == 0x202F || code == 0x205F || code == 0x3000;
    return (byte(0) & 0xF0) == 0xE0 && text.size() >= 3 && space ? 3 : 0;
}

std::string Squeezed(std::string_view text) {
    std::string squeezed;
    squeezed.reserve(text.size());
    for (size_t i = 0; i < text.size();) {
        const size_t space = SpaceBytes(text.substr(i));
        if (space == 0) squeezed += text[i];
        i += std::max<size_t>(space, 1);
    }
    return squeezed;
}

std::string_view Trimmed(std::string_view text) {
    while (const size_t space = SpaceBytes(text)) text.remove_prefix(space);
    for (size_t bytes = 1; bytes <= std::min<size_t>(3, text.size());) {
        const bool space = SpaceBytes(text.substr(text.size() - bytes)) == bytes;
        if (space) text.remove_suffix(bytes);
        bytes = space ? 1 : bytes + 1;
    }
    return text;
}

// As JSON and as HTML write it.
std::vector<std::string> Escaped(const std::string& text) {
    std::vector<std::string> forms;
    for (bool ascii : {false, true}) {
        const std::string json =
            ordered_json(text).dump(-1, ' ', ascii, ordered_json::error_handler_t::replace);
        forms.push_back(json.substr(1, json.size() - 2));
    }
    std::string html;
    for (char c : text) {
        if (c == '&') html += "&amp;";
        else if (c == '<') html += "&lt;";
        else if (c == '>') html += "&gt;";
        else if (c == '"') html += "&#34;";
        else if (c == '\'') html += "&#39;";
        else html += c;
    }
    forms.push_back(std::move(html));
    return forms;
}

// Whether `text` shows `wanted`, whatever its white space and escapes.
bool Shows(std::string_view text, const std::string& wanted) {
    if (text.find(Trimmed(wanted)) != std::string_view::npos) return true;
    const std::string squeezed = Squeezed(text);
    auto holds = [&](std::string_view form) {
        return squeezed.find(Squeezed(form)) != std::string::npos;
    };
    if (holds(wanted)) return true;
    const std::vector<std::string> forms = Escaped(wanted);
    return std::any_of(forms.begin(), forms.end(), holds);
}

// Runs of letters and digits, in lower case.
std::vector<std::string> Words(std::string_view text) {
    std::vector<std::string> words;
    bool within = false;
    for (size_t i = 0; i < text.size(); ++i) {
        if (const size_t space = SpaceBytes(text.substr(i)); space > 0) {
            within = false;
            i += space - 1;
            continue;
        }
        const auto byte = static_cast<unsigned char>(text[i]);
        const bool letter = byte >= 0x80 || std::isalnum(byte) != 0;
        if (letter && !within) words.emplace_back();
        if (letter) words.back() += static_cast<char>(byte < 0x80 ? std::tolower(byte) : byte);
        within = letter;
    }
    return words;
}

// Its first bytes, in whole characters: languages without spaces have long words.
std::string Beginning(const std::string& word) {
    constexpr size_t kBytes = 60;
    if (word.size() <= kBytes) return word;
    size_t end = kBytes;
    while (end > 0 && (static_cast<unsigned char>(word[end]) & 0xC0) == 0x80) --end;
    return word.substr(0, end) + "...";
}

// The first words of `wanted` that `text` does not show in their order; empty: all are there. A
// template may write other marks around them, such as [THINK] for <think>.
std::string MissingWords(std::string_view text, std::string_view wanted) {
    constexpr size_t kShownWords = 6;
    const std::vector<std::string> there = Words(text);
    auto at = there.begin();
    std::string missing;
    size_t count = 0;
    for (const std::string& word : Words(wanted)) {
        const auto found = std::find(at, there.end(), word);
        if (found != there.end()) {
            if (count > 0) break;
            at = found + 1;
            continue;
        }
        if (++count > kShownWords) return missing + " ...";
        missing += (missing.empty() ? "" : " ") + Beginning(word);
    }
    return missing;
}

class Search {
  public:
    Search(const Conversation& conversation, const ordered_json& messages, std::string_view text,
           const AnswerText& answer)
        : conversation_(conversation),
          text_(text),
          answer_(answer),
          messages_(messages),
          tools_(conversation.tools) {}

    absl::StatusOr<std::vector<LeftOut>> Run(const RenderMessages& render) {
        for (size_t i = messages_.size(); i > 0; --i)
            if (messages_[i - 1]["role"] == "user") {
                last_user_ = i - 1;
                break;
            }
        for (size_t i = 0; i < messages_.size(); ++i) LookAtMessage(i);
        LookAtTools();
        HONE_RETURN_IF_ERROR(Ask(render));
        return std::move(left_out_);
    }

  private:
    // A text whose place shows whether the template uses it: where it stood there is a number now.
    struct Probe {
        std::string number;
        LeftOut left_out;
        std::string wanted;
        bool shown = false;  // it was found as it is written, perhaps by chance
    };

    bool Trained(size_t message) const { return conversation_.weights[message] > 0; }
    // An answer to an earlier question: templates drop what was thought for it.
    bool Earlier(size_t message) const { return last_user_ && message < *last_user_; }

    void PutNumber(ordered_json& place, bool shown, LeftOut left_out) {
        Probe probe = {fmt::format("90173645{:05}28", probes_.size()), std::move(left_out),
                       place.get<std::string>(), shown};
        place = probe.number;
        probes_.push_back(std::move(probe));
    }

    // `own`: the text of the message alone, where it is known.
    void LookAt(ordered_json& place, std::string_view own, LeftOut left_out) {
        if (!place.is_string()) return;
        const std::string& wanted = place.get_ref<const std::string&>();
        const std::string_view trimmed = Trimmed(wanted);
        if (trimmed.empty()) return;
        const bool shown = Shows(own.empty() ? text_ : own, wanted);
        if (shown && (!own.empty() || trimmed.size() >= kTellingBytes)) return;
        PutNumber(place, shown, std::move(left_out));
    }

    void LookAtMessage(size_t i) {
        ordered_json& message = messages_[i];
        const std::string role = message["role"];
        const std::string name = fmt::format("message {}", i + 1);
        if (role != "assistant") {
            const std::string what = fmt::format("the text of {} ({})", name, role);
            // Users are shown by every template: a short text of theirs needs no second look.
            if (role != "user" || !Shows(text_, message["content"].get<std::string>()))
                LookAt(message["content"], "", {what, false});
            return;
        }
        const std::string_view own = answer_(i);
        LookAtAnswer(i, own);
        const bool thought_counts = Trained(i) && !Earlier(i);
        for (const char* key : {"reasoning_content", "thinking", "reasoning"}) {
            if (!message.contains(key) || message[key].is_null()) continue;
            LookAt(message[key], own, {fmt::format("the {} of {}", key, name), thought_counts});
            break;  // one text under several names
        }
        if (!message.contains("tool_calls")) return;
        for (ordered_json& call : message["tool_calls"]) {
            ordered_json& function = call.contains("function") ? call["function"] : call;
            const LeftOut left_out = {fmt::format("the tool_calls of {}", name), Trained(i)};
            LookAt(function["name"], own, left_out);
            if (function.contains("arguments"))
                LookAtTexts(function["arguments"], own, left_out);
        }
    }

    // The strings within an argument.
    void LookAtTexts(ordered_json& value, std::string_view own, const LeftOut& left_out) {
        constexpr size_t kMaxProbes = 256;
        if (probes_.size() > kMaxProbes) return;
        if (value.is_structured()) {
            for (ordered_json& part : value) LookAtTexts(part, own, left_out);
        } else {
            LookAt(value, own, left_out);
        }
    }

    // The content alone: a part of it may be missing.
    void LookAtAnswer(size_t i, std::string_view own) {
        std::string wanted = messages_[i]["content"];
        const std::string_view where = own.empty() ? text_ : own;
        // Some templates open the thought in the header, which is not the answer's own text.
        if (const size_t tag = wanted.find('>'); wanted.starts_with('<') && !own.empty()) {
            const auto before = text_.substr(0, static_cast<size_t>(own.data() - text_.data()));
            if (Trimmed(before).ends_with(wanted.substr(0, tag + 1))) wanted.erase(0, tag + 1);
        }
        if (Trimmed(wanted).empty() || Shows(where, wanted)) return;
        const std::string missing = MissingWords(where, wanted);
        if (missing.empty()) return;
        const size_t thought = wanted.rfind(kThoughtEnd);
        if (thought != std::string::npos &&
            Shows(where, wanted.substr(thought + kThoughtEnd.size()))) {
            left_out_.push_back(
                {fmt::format("the reasoning of message {} (what its content has up to {})", i + 1,
                             kThoughtEnd),
                 Trained(i) && !Earlier(i)});
            return;
        }
        left_out_.push_back(
            {fmt::format("a part of message {} (\"{}\")", i + 1, missing), Trained(i)});
    }

    void LookAtTools() {
        if (!tools_.is_array()) return;
        for (ordered_json& tool : tools_) {
            ordered_json& function = tool.contains("function") && tool["function"].is_object()
                                         ? tool["function"]
                                         : tool;
            if (!function.contains("name") || !function["name"].is_string()) continue;
            // A call may name it as well: only the number tells.
            const std::string name = function["name"];
            PutNumber(function["name"], Shows(text_, name), {"the row's tools", false});
        }
    }

    absl::Status Ask(const RenderMessages& render) {
        if (probes_.empty()) return absl::OkStatus();
        auto asked = render(messages_, tools_);
        if (!asked.ok() && KindOf(asked.status()) == ErrorKind::kMemory) return asked.status();
        std::set<std::string> said;
        for (Probe& probe : probes_) {
            // A template that refuses the numbers says nothing: what was read counts.
            const bool uses = asked.ok() ? asked->find(probe.number) != std::string::npos
                                         : probe.shown;
            if (uses && (probe.shown || probe.left_out.trained)) continue;
            const std::string missing = uses ? MissingWords(text_, probe.wanted) : "";
            if (uses && missing.empty()) continue;
            if (uses)
                probe.left_out.what =
                    fmt::format("a part of {} (\"{}\")", probe.left_out.what, missing);
            if (said.insert(probe.left_out.what).second)
                left_out_.push_back(std::move(probe.left_out));
        }
        return absl::OkStatus();
    }

    const Conversation& conversation_;
    std::string_view text_;
    const AnswerText& answer_;
    ordered_json messages_;  // with numbers in the place of what is in question
    ordered_json tools_;
    std::optional<size_t> last_user_;
    std::vector<Probe> probes_;
    std::vector<LeftOut> left_out_;
};

}  // namespace

absl::StatusOr<std::vector<LeftOut>> FindLeftOut(const Conversation& conversation,
                                                 const ordered_json& messages,
                                                 std::string_view text, const AnswerText& answer,
                                                 const RenderMessages& render) {
    return Search(conversation, messages, text, answer).Run(render);
}

}  // namespace hone
