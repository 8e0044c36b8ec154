// How prompts are put to a model: in the words that it was trained in, unless the user says
// otherwise.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "answer/prompt.h"
#include "answer/trained_form.h"
#include "data/format/tokenize.h"

namespace hone {

// What a user says of it; each wins over the run.
struct AskOptions {
    // The system message before each prompt, "" for none; default: the one that all rows of the run
    // had.
    std::optional<std::string> system_prompt;
    // Continues a text as it stands, without the chat template; default: as the rows of the run
    // were put, else false.
    std::optional<bool> raw;
};

class Asking {
  public:
    // `form`: of the run that made the model; none: prompts go through the chat template.
    static absl::StatusOr<Asking> Choose(const AskOptions& options,
                                         const std::optional<TrainedForm>& form);

    // The tokens that ask for the answer: those that the prompt has; else rows of messages through
    // the chat template, other prompts as this says.
    absl::StatusOr<std::vector<int32_t>> Encode(const Prompt& prompt,
                                                const ConversationEncoder& encoder) const;
    // Whether prompts are texts, each for itself, rather than messages.
    bool raw() const { return raw_; }
    const std::string& system_prompt() const { return system_prompt_; }
    // What the run decided, as a sentence; empty: nothing.
    const std::string& note() const { return note_; }

  private:
    bool raw_ = false;
    bool add_special_tokens_ = true;
    std::optional<TextTemplate> template_;  // raw alone; none: the prompt as it stands
    std::string system_prompt_, note_;
};

}  // namespace hone
