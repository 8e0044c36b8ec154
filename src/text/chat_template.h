// Chat templates: the Jinja text in a model's tokenizer_config.json or GGUF, rendered as
// transformers renders it.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "base/status.h"
#include "nlohmann/json.hpp"

namespace hone {

// Immutable and safe to use from many threads.
class ChatTemplate {
  public:
    // Parses. `special_tokens` is an object of what the template knows by name: {"bos_token":
    // "<s>", ...}.
    static absl::StatusOr<std::shared_ptr<ChatTemplate>> Parse(
        std::string_view source, const nlohmann::ordered_json& special_tokens);
    // Several templates under their names, of which each conversation gets one as in transformers:
    // "tool_use" where there are tools and a template of that name, else "default".
    static absl::StatusOr<std::shared_ptr<ChatTemplate>> ParseNamed(
        const std::map<std::string, std::string>& sources,
        const nlohmann::ordered_json& special_tokens);

    // `messages`: array of {"role", "content", ...}; `tools`: array or null. Bounded: a template
    // that loops for ever runs out of fuel, and raise_exception's message comes back in the error.
    // Too little memory is an error of kind kMemory, else the kind is kData.
    absl::StatusOr<std::string> Render(const nlohmann::ordered_json& messages,
                                       const nlohmann::ordered_json& tools,
                                       bool add_generation_prompt) const;

    // The same templates, for which every day is `date` ("2026-11-26"); empty: today.
    absl::StatusOr<std::shared_ptr<ChatTemplate>> WithDate(std::string date) const;
    const std::string& date() const { return date_; }
    // Whether a template uses today's date.
    bool ReadsClock() const;

    // By name; one that has no name is "default".
    const std::map<std::string, std::string>& sources() const { return sources_; }

  private:
    struct Handle;
    ChatTemplate() = default;
    std::map<std::string, std::string> sources_;
    std::map<std::string, std::shared_ptr<const Handle>> handles_;
    std::string date_;
};

// Whether Render failed because of the template: it refuses the conversation, or is broken.
bool IsTemplateFailure(const absl::Status& status);

// The template for models that have none: ChatML, "<|im_start|>role\ncontent<|im_end|>\n".
std::string_view ChatMlTemplate();

}  // namespace hone
