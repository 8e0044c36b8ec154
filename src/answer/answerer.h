// Prompts to answers, with everything between: a loaded model, the words in which it was trained to
// be asked, its sampling defaults, and adapters beside its base.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "answer/asking.h"
#include "answer/loaded_model.h"
#include "answer/sampling.h"
#include "infer/chat_session.h"

namespace hone {

class Answerer {
  public:
    // The context must outlive the answerer.
    Answerer(LoadedModel loaded, Asking asking, const Context& context);

    const LoadedModel& loaded() const { return loaded_; }
    // Of the prompts that name that adapter; empty: of those that name none.
    const Asking& asking(const std::string& adapter = "") const;

    // The adapter of that folder beside the base, for the prompts that name it, which are put as
    // `asking` says. Not where the model has an adapter of its own.
    absl::Status AddAdapter(const std::string& name, const std::string& folder, Asking asking);

    // Answers in the order of the prompts, at most `batch_size` at a time. Each is drawn with a
    // seed of its own: that of the first is sampling.seed, and so on. The callback and the stats
    // are Generator::Generate's.
    absl::StatusOr<std::vector<GenerateResult>> Answer(const std::vector<Prompt>& prompts,
                                                       const SamplingChoice& sampling,
                                                       int64_t batch_size = 1,
                                                       const TextCallback& callback = nullptr,
                                                       GenerateStats* stats = nullptr);
    // One answer, as text.
    absl::StatusOr<std::string> Answer(const std::string& prompt,
                                       const SamplingChoice& sampling = {});

    // A conversation, which begins with the system message that the prompts get, with that adapter;
    // empty: without any that is beside the base. The answerer must outlive it.
    ChatSession StartChat(const std::string& adapter = "");

  private:
    absl::StatusOr<GenerateRequest> Request(const Prompt& prompt,
                                            const GenerateOptions& options) const;

    LoadedModel loaded_;
    Asking asking_;
    std::map<std::string, Asking> beside_;  // how prompts are put that name an adapter
    Generator generator_;
};

// `model` and `adapter` as ChosenModel::Choose takes them, asked as they were trained.
absl::StatusOr<std::unique_ptr<Answerer>> OpenAnswerer(const std::string& model,
                                                       const std::string& adapter,
                                                       const LoadOptions& options,
                                                       const Context& context);

}  // namespace hone
