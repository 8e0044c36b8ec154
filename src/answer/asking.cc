#include "answer/asking.h"

namespace hone {

absl::StatusOr<Asking> Asking::Choose(const AskOptions& options,
                                      const std::optional<TrainedForm>& form) {
    Asking asking;
    asking.raw_ = options.raw.value_or(false);
    asking.system_prompt_ = options.system_prompt.value_or("");
    if (asking.raw_ && !asking.system_prompt_.empty())
        return UsageError("--system_prompt needs the chat template: leave --raw out");
    if (!form) return asking;
    asking.add_special_tokens_ = form->data.add_special_tokens;
    if (!form->prompt_template.empty()) {
        // A system message is something that only the chat template has.
        if (options.raw || !asking.system_prompt_.empty()) return asking;
        auto parsed = TextTemplate::Parse(form->prompt_template);
        if (!parsed.ok())
            return ModelError("{}: its prompt_template cannot be read: {}", form->run_json,
                              std::string(parsed.status().message()));
        asking.template_ = *std::move(parsed);
        asking.raw_ = true;
        asking.note_ = fmt::format(
            "prompts are put as {} says, as {} without the chat template; --raw false asks through "
            "it, --raw takes a prompt as it stands",
            form->run_json, ShownText(form->prompt_template));
    } else if (!options.system_prompt && !form->system_prompt.empty() && !asking.raw_) {
        asking.system_prompt_ = form->system_prompt;
        asking.note_ = fmt::format(
            "the system message is that of all rows of {}, {}; --system_prompt says "
            "another, \"\" none",
            form->run_json, ShownText(form->system_prompt));
    }
    return asking;
}

absl::StatusOr<std::vector<int32_t>> Asking::Encode(const Prompt& prompt,
                                                    const ConversationEncoder& encoder) const {
    if (!prompt.tokens.empty()) return prompt.tokens;
    if (prompt.text_only && raw_) {
        std::string text = prompt.text;
        if (template_) {
            HONE_ASSIGN_OR_RETURN(text, template_->FillPrompt(prompt.text));
        }
        return encoder.EncodeTextPrompt(text, add_special_tokens_);
    }
    Conversation conversation = prompt.conversation;
    AddSystemPrompt(system_prompt_, conversation);
    return encoder.EncodePrompt(conversation);
}

}  // namespace hone
