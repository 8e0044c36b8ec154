#include "text/chat_template.h"

#include "base/limits.h"
#include "text/rust_abi.h"

namespace hone {

struct ChatTemplate::Handle {
    HoneTemplate* chat_template;
    ~Handle() { hone_template_free(chat_template); }
};

ChatTemplate::ChatTemplate(std::string source, std::unique_ptr<Handle> handle)
    : source_(std::move(source)), handle_(std::move(handle)) {}
ChatTemplate::~ChatTemplate() = default;

absl::StatusOr<std::shared_ptr<ChatTemplate>> ChatTemplate::Parse(std::string_view source,
                                                                  std::string bos_token,
                                                                  std::string eos_token) {
    if (source.size() > kMaxTemplateBytes) {
        return DataError("the chat template has {} bytes, at most {} are allowed", source.size(),
                         kMaxTemplateBytes);
    }
    HoneTemplate* chat_template = nullptr;
    HoneBytes error{};
    if (!hone_template_parse(rust::Data(source), source.size(), rust::Data(bos_token),
                             bos_token.size(), rust::Data(eos_token), eos_token.size(),
                             &chat_template, &error)) {
        return DataError("the chat template does not parse: {}", rust::Take(error));
    }
    std::unique_ptr<Handle> handle(new Handle{chat_template});
    return std::shared_ptr<ChatTemplate>(new ChatTemplate(std::string(source), std::move(handle)));
}

absl::StatusOr<std::string> ChatTemplate::Render(const nlohmann::ordered_json& messages,
                                                 const nlohmann::ordered_json& tools,
                                                 bool add_generation_prompt) const {
    std::string context;
    try {
        context = fmt::format(
            R"({{"messages":{},"tools":{},"documents":null,"add_generation_prompt":{}}})",
            messages.dump(), tools.dump(), add_generation_prompt);
    } catch (const nlohmann::json::exception& error) {
        return DataError("the messages cannot be written as JSON: {}", error.what());
    }
    HoneBytes out{};
    HoneBytes error{};
    if (!hone_template_render(handle_->chat_template, rust::Data(context), context.size(), &out,
                              &error)) {
        return DataError("the chat template failed: {}", rust::Take(error));
    }
    return rust::Take(out);
}

std::string_view ChatMlTemplate() {
    return "{% for message in messages %}"
           "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + "
           "'\\n' }}"
           "{% endfor %}"
           "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";
}

}  // namespace hone
