#include "answer/answerer.h"

#include "adapt/base_adapter.h"

namespace hone {

Answerer::Answerer(LoadedModel loaded, Asking asking, const Context& context)
    : loaded_(std::move(loaded)),
      asking_(std::move(asking)),
      generator_(*loaded_.model, loaded_.chat->tokenizer, loaded_.encoder->end_ids(), context) {}

absl::Status Answerer::AddAdapter(const std::string& name, const std::string& folder,
                                  Asking asking) {
    HONE_ASSIGN_OR_RETURN(auto adapter, OpenAdapter(*loaded_.model, folder));
    HONE_RETURN_IF_ERROR(generator_.AddAdapter(name, std::move(adapter)));
    beside_.emplace(name, std::move(asking));
    return absl::OkStatus();
}

const Asking& Answerer::asking(const std::string& adapter) const {
    const auto own = beside_.find(adapter);
    return own == beside_.end() ? asking_ : own->second;
}

absl::StatusOr<GenerateRequest> Answerer::Request(const Prompt& prompt,
                                                  const GenerateOptions& options) const {
    GenerateRequest request{.options = options, .adapter = prompt.adapter};
    HONE_ASSIGN_OR_RETURN(request.prompt, asking(prompt.adapter).Encode(prompt, *loaded_.encoder));
    return request;
}

absl::StatusOr<std::vector<GenerateResult>> Answerer::Answer(const std::vector<Prompt>& prompts,
                                                             const SamplingChoice& sampling,
                                                             int64_t batch_size,
                                                             const TextCallback& callback,
                                                             GenerateStats* stats) {
    GenerateOptions options = sampling.Resolve(loaded_.chat->generation);
    std::vector<GenerateRequest> requests;
    for (const Prompt& prompt : prompts) {
        HONE_ASSIGN_OR_RETURN(GenerateRequest request, Request(prompt, options));
        requests.push_back(std::move(request));
        ++options.sampling.seed;
    }
    return generator_.Generate(requests, batch_size, callback, stats);
}

absl::StatusOr<std::string> Answerer::Answer(const std::string& prompt,
                                             const SamplingChoice& sampling) {
    HONE_ASSIGN_OR_RETURN(const Prompt one, MakePrompt(prompt));
    HONE_ASSIGN_OR_RETURN(std::vector<GenerateResult> results, Answer({one}, sampling));
    return std::move(results.front().text);
}

ChatSession Answerer::StartChat(const std::string& adapter) {
    const Asking& asking = this->asking(adapter);
    const auto encode = [this, &asking](const nlohmann::ordered_json& messages) {
        Prompt prompt;
        // Texts were trained each for itself, and are asked so.
        prompt.text_only = asking.raw();
        prompt.text = messages.back()["content"].get<std::string>();
        // Not ParseMessages: an answer of the model may be one that no row has.
        prompt.conversation.messages = messages;
        prompt.conversation.weights.assign(messages.size(), 0.0f);
        return asking.Encode(prompt, *loaded_.encoder);
    };
    ChatSession session(generator_, encode, adapter);
    session.Reset(asking.system_prompt());
    return session;
}

absl::StatusOr<std::unique_ptr<Answerer>> OpenAnswerer(const std::string& model,
                                                       const std::string& adapter,
                                                       const LoadOptions& options,
                                                       const Context& context) {
    HONE_ASSIGN_OR_RETURN(ChosenModel chosen, ChosenModel::Choose(model, adapter));
    HONE_ASSIGN_OR_RETURN(Asking asking, Asking::Choose({}, chosen.form));
    HONE_ASSIGN_OR_RETURN(LoadedModel loaded, LoadChosen(std::move(chosen), options, context));
    return std::make_unique<Answerer>(std::move(loaded), std::move(asking), context);
}

}  // namespace hone
