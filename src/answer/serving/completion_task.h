// POST /v1/completions.
#pragma once

#include "answer/serving/task.h"

namespace hone {

class CompletionTask : public Task {
  public:
    // Reads the body and hands its choices to the engine. Errors are of the request. Where nothing
    // has to be drawn the answer is written at once.
    static absl::StatusOr<std::unique_ptr<Task>> Start(TaskFrame frame, const Json& body,
                                                       ServedModel& served, LineWriter& out);

  private:
    struct Choice {
        std::string text;
        std::vector<TokenLogprob> logprobs;  // of `text`
        std::string finish_reason;
    };
    CompletionTask(TaskFrame frame, CompletionRequest request, ServedModel& served,
                   LineWriter& out);
    absl::StatusOr<std::vector<int32_t>> Encode(const TextOrTokens& prompt) const;
    // What of a prompt is shown, with its log-probabilities where they are asked for.
    absl::StatusOr<Choice> Echo(const std::vector<int32_t>& prompt, const TextOrTokens& said);

    void OnChoiceToken(size_t choice, const TokenUpdate& update) override;
    void OnChoiceEnd(size_t choice, GenerateResult result) override;
    Json Whole() override;
    void ChoiceChunk(size_t index, const std::string& text, Json logprobs, Json finish_reason);
    // tokens, token_logprobs, top_logprobs and text_offset of a part of the text that begins at
    // character `offset` of it. The first token of a prompt, which nothing comes before, has 0 and
    // an empty object: the SDKs' types have no place for null.
    Json LogprobsJson(const std::vector<TokenLogprob>& logprobs, size_t offset) const;

    CompletionRequest request_;
    std::vector<Choice> parts_;
};

}  // namespace hone
