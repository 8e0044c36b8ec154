#include "text/chat_template.h"

#include <algorithm>
#include <charconv>
#include <chrono>

#include "absl/strings/cord.h"
#include "base/limits.h"
#include "text/rust_abi.h"

namespace hone {
namespace {

constexpr char kFailureUrl[] = "hone/template-failure";

absl::Status MarkedFailure(absl::Status status) {
    if (KindOf(status) != ErrorKind::kMemory) status.SetPayload(kFailureUrl, absl::Cord("1"));
    return status;
}

// A day of the calendar as 2026-11-26.
bool IsDate(std::string_view text) {
    if (text.size() != 10 || text[4] != '-' || text[7] != '-') return false;
    auto number = [&](size_t begin, size_t size) {
        int value = -1;
        const char* end = text.data() + begin + size;
        return std::from_chars(text.data() + begin, end, value).ptr == end ? value : -1;
    };
    const int year = number(0, 4), month = number(5, 2), day = number(8, 2);
    return year > 0 && month > 0 && day > 0 &&
           std::chrono::year_month_day(std::chrono::year(year),
                                       std::chrono::month(static_cast<unsigned>(month)),
                                       std::chrono::day(static_cast<unsigned>(day)))
               .ok();
}

}  // namespace

struct ChatTemplate::Handle {
    HoneTemplate* chat_template;
    explicit Handle(HoneTemplate* owned) : chat_template(owned) {}
    Handle(const Handle&) = delete;
    Handle& operator=(const Handle&) = delete;
    ~Handle() { hone_template_free(chat_template); }
};

absl::StatusOr<std::shared_ptr<ChatTemplate>> ChatTemplate::Parse(
    std::string_view source, const nlohmann::ordered_json& special_tokens) {
    return ParseNamed({{"default", std::string(source)}}, special_tokens);
}

absl::StatusOr<std::shared_ptr<ChatTemplate>> ChatTemplate::ParseNamed(
    const std::map<std::string, std::string>& sources,
    const nlohmann::ordered_json& special_tokens) {
    std::string tokens;
    try {
        tokens = special_tokens.dump();
    } catch (const nlohmann::json::exception& error) {
        return DataError("the special tokens cannot be written as JSON: {}", error.what());
    }
    std::shared_ptr<ChatTemplate> result(new ChatTemplate);
    for (const auto& [name, source] : sources) {
        const std::string which = sources.size() > 1 ? " \"" + name + "\"" : "";
        if (source.size() > kMaxTemplateBytes) {
            return DataError("the chat template{} has {} bytes, at most {} are allowed", which,
                             source.size(), kMaxTemplateBytes);
        }
        HoneTemplate* chat_template = nullptr;
        HoneError error{};
        if (!hone_template_parse(rust::Data(source), source.size(), rust::Data(tokens),
                                 tokens.size(), &chat_template, &error)) {
            return rust::TakeError(error, ErrorKind::kData,
                                   fmt::format("the chat template{} does not parse", which));
        }
        result->handles_[name] = std::make_shared<const Handle>(chat_template);
    }
    result->sources_ = sources;
    return result;
}

absl::StatusOr<std::string> ChatTemplate::Render(const nlohmann::ordered_json& messages,
                                                 const nlohmann::ordered_json& tools,
                                                 bool add_generation_prompt) const {
    auto chosen = tools.is_null() ? handles_.end() : handles_.find("tool_use");
    if (chosen == handles_.end()) chosen = handles_.find("default");
    if (chosen == handles_.end()) {
        std::string names;
        for (const auto& [name, unused] : handles_) names += (names.empty() ? "" : ", ") + name;
        return MarkedFailure(DataError(
            "the model has chat templates called {}, and none called default for a conversation "
            "{}: name one of them default, or put it into chat_template.jinja",
            names, tools.is_null() ? "without tools" : "with tools"));
    }
    std::string context;
    try {
        context = fmt::format(
            R"({{"messages":{},"tools":{},"documents":null,"add_generation_prompt":{}}})",
            messages.dump(), tools.dump(), add_generation_prompt);
    } catch (const nlohmann::json::exception& error) {
        return DataError("the messages cannot be written as JSON: {}", error.what());
    }
    HoneBytes out{};
    HoneError error{};
    if (!hone_template_render(chosen->second->chat_template, rust::Data(context), context.size(),
                              rust::Data(date_), date_.size(), &out, &error)) {
        return MarkedFailure(
            rust::TakeError(error, ErrorKind::kData, "the chat template failed"));
    }
    return rust::Take(out);
}

absl::StatusOr<std::shared_ptr<ChatTemplate>> ChatTemplate::WithDate(std::string date) const {
    if (!date.empty() && !IsDate(date))
        return UsageError("\"{}\" is no date of the form 2026-11-26", date);
    std::shared_ptr<ChatTemplate> result(new ChatTemplate(*this));
    result->date_ = std::move(date);
    return result;
}

bool ChatTemplate::ReadsClock() const {
    return std::any_of(sources_.begin(), sources_.end(), [](const auto& named) {
        return named.second.find("strftime_now") != std::string::npos;
    });
}

bool IsTemplateFailure(const absl::Status& status) {
    return status.GetPayload(kFailureUrl).has_value();
}

std::string_view ChatMlTemplate() {
    return "{% for message in messages %}"
           "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + "
           "'\\n' }}"
           "{% endfor %}"
           "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";
}

}  // namespace hone
