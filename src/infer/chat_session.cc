#include "infer/chat_session.h"

namespace hone {

void ChatSession::Reset(std::string system_prompt) {
    messages_ = nlohmann::ordered_json::array();
    if (!system_prompt.empty())
        messages_.push_back({{"role", "system"}, {"content", std::move(system_prompt)}});
}

void ChatSession::TakeBack() {
    if (messages_.empty() || messages_.back()["role"] != "assistant") return;
    messages_.erase(messages_.size() - 1);
    messages_.erase(messages_.size() - 1);
}

absl::StatusOr<GenerateResult> ChatSession::Say(const std::string& user,
                                                const GenerateOptions& options,
                                                const TextCallback& callback,
                                                GenerateStats* stats) {
    messages_.push_back({{"role", "user"}, {"content", user}});
    auto result = Answer(options, callback, stats);
    if (!result.ok() || (result->finish == FinishReason::kCancelled && result->text.empty())) {
        messages_.erase(messages_.size() - 1);
    } else {
        messages_.push_back({{"role", "assistant"}, {"content", result->text}});
    }
    return result;
}

absl::StatusOr<GenerateResult> ChatSession::Answer(const GenerateOptions& options,
                                                   const TextCallback& callback,
                                                   GenerateStats* stats) {
    GenerateRequest request;
    request.options = options;
    request.adapter = adapter_;
    HONE_ASSIGN_OR_RETURN(request.prompt, encode_(messages_));
    request.kept = &kept_;
    HONE_ASSIGN_OR_RETURN(auto results, generator_.Generate({request}, 1, callback, stats));
    return std::move(results.front());
}

}  // namespace hone
