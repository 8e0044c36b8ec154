// A conversation with a model: its messages, and of the cache the part that the next prompt starts
// with.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "infer/generator.h"
#include "nlohmann/json.hpp"

namespace hone {

class ChatSession {
  public:
    // Turns messages into the prompt's tokens, the same way as training did.
    using EncodeMessages =
        std::function<absl::StatusOr<std::vector<int32_t>>(const nlohmann::ordered_json& messages)>;

    // The generator must outlive it. adapter: a name that its AddAdapter was given; empty: the base
    // alone.
    ChatSession(Generator& generator, EncodeMessages encode, std::string adapter = "")
        : generator_(generator), encode_(std::move(encode)), adapter_(std::move(adapter)) {}

    // Forgets the conversation; an empty system prompt means none.
    void Reset(std::string system_prompt);
    // Adds the user's message, answers it, and adds the answer. On an error or a cancelled answer
    // without text the user's message is taken back.
    absl::StatusOr<GenerateResult> Say(const std::string& user, const GenerateOptions& options,
                                       const TextCallback& callback = nullptr,
                                       GenerateStats* stats = nullptr);
    // Forgets the last answer and the message that it answers; nothing where there is none.
    void TakeBack();
    const nlohmann::ordered_json& messages() const { return messages_; }

  private:
    absl::StatusOr<GenerateResult> Answer(const GenerateOptions& options,
                                          const TextCallback& callback, GenerateStats* stats);

    Generator& generator_;
    EncodeMessages encode_;
    std::string adapter_;
    nlohmann::ordered_json messages_ = nlohmann::ordered_json::array();
    KeptCache kept_;
};

}  // namespace hone
