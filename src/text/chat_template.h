// Chat templates: the Jinja text in a model's tokenizer_config.json or GGUF, rendered as
// transformers renders it.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/status.h"
#include "nlohmann/json.hpp"

namespace hone {

class ChatTemplate {
  public:
    // Parses. bos_token and eos_token are the strings that the template may use.
    static absl::StatusOr<std::shared_ptr<ChatTemplate>> Parse(std::string_view source,
                                                               std::string bos_token,
                                                               std::string eos_token);
    ~ChatTemplate();

    // `messages`: array of {"role", "content", ...}; `tools`: array or null. Bounded: a template
    // that loops for ever runs out of fuel, and raise_exception's message comes back in the error.
    absl::StatusOr<std::string> Render(const nlohmann::ordered_json& messages,
                                       const nlohmann::ordered_json& tools,
                                       bool add_generation_prompt) const;
    const std::string& source() const { return source_; }

  private:
    struct Handle;
    ChatTemplate(std::string source, std::unique_ptr<Handle> handle);
    std::string source_;
    std::unique_ptr<Handle> handle_;
};

// The template for models that bring none: ChatML, "<|im_start|>role\ncontent<|im_end|>\n".
std::string_view ChatMlTemplate();

}  // namespace hone
