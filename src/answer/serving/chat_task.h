// POST /v1/chat/completions.
#pragma once

#include <optional>

#include "answer/serving/task.h"

namespace hone {

class ChatTask : public Task {
  public:
    // Reads the body and hands its choices to the engine. Errors are of the request.
    static absl::StatusOr<std::unique_ptr<Task>> Start(TaskFrame frame, const Json& body,
                                                       ServedModel& served, LineWriter& out);

  private:
    struct Choice {
        std::optional<ToolCallReader> calls;  // where functions may be called
        std::string content;
        std::vector<ToolCall> tool_calls;
        Json logprobs = Json::array();
        std::string finish_reason;
        bool begun = false;  // its first chunk was sent
    };
    ChatTask(TaskFrame frame, ChatRequest request, ServedModel& served, LineWriter& out);
    absl::StatusOr<GenerateRequest> Prepare();
    // How the answer is held to JSON, a schema or a call; and the words that a call begins with.
    absl::Status Constrain(GenerateRequest& request);
    absl::StatusOr<std::shared_ptr<TokenConstraint>> NewConstraint();
    bool calls_forced() const;

    void OnChoiceToken(size_t choice, const TokenUpdate& update) override;
    void OnChoiceEnd(size_t choice, GenerateResult result) override;
    Json Whole() override;
    void ChoiceChunk(size_t index, Json delta, Json logprobs, Json finish_reason);
    // What of a choice is certain to be its content.
    void Say(size_t index, const std::string& text, const TokenUpdate* update);
    Json ToolCallsJson(const Choice& choice, bool indexed) const;

    ChatRequest request_;
    std::vector<Choice> parts_;
    std::vector<std::vector<std::string>> call_ids_;
};

}  // namespace hone
