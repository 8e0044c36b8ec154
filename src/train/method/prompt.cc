#include "train/method/prompt.h"

#include "adapt/virtual_tokens.h"
#include "chat/chat_files.h"

namespace hone {

std::span<const OptionDefault> PromptMethod::defaults() const {
    // As in PEFT's examples: a few vectors steer a whole model.
    static const OptionDefault defaults[] = {
        {.option = "learning_rate", .value = 3e-2, .note = "a learning rate of 0.03"},
    };
    return defaults;
}

absl::Status PromptMethod::CheckModel(const FinetuneOptions& options,
                                      const ModelFiles& files) const {
    const int64_t count = options.lora.num_virtual_tokens,
                  context = files.config.max_position_embeddings;
    if (!options.adapter_path.empty() || count < context) return absl::OkStatus();
    return UsageError(
        "--num_virtual_tokens {} leaves no room for a text in the model's context of {}: give "
        "fewer",
        count, context);
}

std::string PromptMethod::Headline(const FinetuneOptions& options) const {
    return fmt::format("prompt tuning, {} virtual tokens", options.lora.num_virtual_tokens);
}

std::string PrefixMethod::Headline(const FinetuneOptions& options) const {
    return fmt::format("prefix tuning, {} virtual tokens", options.lora.num_virtual_tokens);
}

absl::Status StartFromText(const LoraConfig& config, Model& model, const Context& context) {
    HONE_ASSIGN_OR_RETURN(const auto chat, OpenChat(model.files()));
    HONE_ASSIGN_OR_RETURN(const std::vector<int32_t> tokens,
                          chat->tokenizer->Encode(config.prompt_tuning_init_text,
                                                  /*add_special_tokens=*/true));
    if (tokens.empty())
        return UsageError("--prompt_tuning_init_text has no token: give it a few words");
    return StartFromTokens(model, tokens, context);
}

}  // namespace hone
