// A model is asked as it was trained: how the run that made it put its rows to it, from the run.json
// beside its adapter or model.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/flags/common_flags.h"
#include "cli/terminal/prompts.h"
#include "data/options.h"

namespace hone {

// What run.json says.
struct TrainedForm {
    std::string run_json;  // its path
    DataOptions data;      // how rows were read
    std::string prompt_template, system_prompt;  // as in DataReport
};

// The run that made the adapter, or without an adapter the model; none where no run.json beside it
// says so. Both are folders; `model` may be anything.
std::optional<TrainedForm> FindTrainedForm(const std::string& adapter, const std::string& model);

// Takes from the run what says how rows are read, where the command line does not; returns what was
// taken as flags, "" for nothing.
std::string ReadRowsAsTrained(const TrainedForm& form, const CLI::App& command, DataOptions& data);

// --system_prompt and --raw.
struct AskFlags {
    std::optional<std::string> system_prompt;
    std::optional<bool> raw;

    void Add(Flags& flags);
};

// How the prompts of a command are put to a model.
class Asking {
  public:
    // `flags` win over the run.
    static absl::StatusOr<Asking> Choose(const AskFlags& flags,
                                         const std::optional<TrainedForm>& form);

    // The tokens that ask for the answer: rows of messages through the chat template, other prompts
    // as this says.
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

// Asking::Choose for the flags of a command, whose note is printed.
absl::StatusOr<Asking> ChooseAsking(const AskFlags& flags, const ModelFlags& model);

}  // namespace hone
