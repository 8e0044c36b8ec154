#include "train/output/try_command.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text/shell_word.h"

namespace hone {
namespace {

// A longer one is left out: `hone chat` finds it in run.json.
constexpr size_t kShownSystemPrompt = 300;

// A text as --prompt and --system_prompt read it.
std::string Escaped(const std::string& text) {
    std::string escaped;
    for (const char c : text) {
        if (c == '\n') {
            escaped += "\\n";
        } else if (c == '\\') {
            escaped += "\\\\";
        } else {
            escaped += c;
        }
    }
    return escaped;
}

// The template as a prompt to be filled in: "Q: ...\nA:" of "Q: {question}\nA:". A template has the
// escapes of --prompt already, but for those of brackets.
std::string PromptOf(const std::string& prompt_template) {
    std::string prompt;
    for (size_t i = 0; i < prompt_template.size(); ++i) {
        const char c = prompt_template[i];
        if ((c == '{' || c == '}') && i + 1 < prompt_template.size() &&
            prompt_template[i + 1] == c) {
            prompt += c;
            ++i;
        } else if (c == '{') {
            prompt += "...";
            i = std::min(prompt_template.find('}', i), prompt_template.size());
        } else if (c == '\\' && i + 1 < prompt_template.size()) {
            const char escaped = prompt_template[++i];
            if (escaped != '[' && escaped != ']') prompt += c;
            prompt += escaped;
        } else {
            prompt += c;
        }
    }
    return prompt;
}

}  // namespace

std::string TryCommand(const RunResult& result, const std::string& model_name_or_path) {
    const std::string which =
        result.artifact == "model"
            ? "--model_name_or_path " + ShellWord(result.artifact_path)
            : fmt::format("--model_name_or_path {} --adapter_path {}",
                          ShellWord(model_name_or_path), ShellWord(result.artifact_path));
    if (result.embeds) return fmt::format("hone embed {} --text '...'", which);
    if (result.classifies) return fmt::format("hone classify {} --text '...'", which);
    if (!result.prompt_template.empty())
        return fmt::format("hone generate {} --raw --prompt {}", which,
                           ShellWord(PromptOf(result.prompt_template)));
    const std::string& system = result.system_prompt;
    if (system.empty() || system.size() > kShownSystemPrompt) return "hone chat " + which;
    return fmt::format("hone chat {} --system_prompt {}", which, ShellWord(Escaped(system)));
}

}  // namespace hone
