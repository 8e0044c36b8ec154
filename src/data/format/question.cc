#include "data/format/question.h"

#include <algorithm>

#include "base/text/text.h"

namespace hone {
namespace {

using nlohmann::ordered_json;

constexpr size_t kNone = static_cast<size_t>(-1);

// The message or the part that is the answer.
size_t FindAnswer(const DataRow& row) {
    if (row.kind == DataRow::Kind::kConversation) {
        for (size_t i = row.conversation.messages.size(); i-- > 0;)
            if (row.conversation.messages[i]["role"] == "assistant") return i;
    } else {
        for (size_t i = row.parts.size(); i-- > 0;)
            if (row.parts[i].trained) return i;
    }
    return kNone;
}

// The first messages of a conversation.
Conversation Beginning(const Conversation& conversation, size_t messages) {
    Conversation beginning;
    beginning.tools = conversation.tools;
    for (size_t i = 0; i < messages; ++i) {
        beginning.messages.push_back(conversation.messages[i]);
        beginning.weights.push_back(conversation.weights[i]);
    }
    return beginning;
}

absl::StatusOr<Question> AskConversation(const Conversation& conversation, size_t answer,
                                         const ConversationEncoder& encoder) {
    const ordered_json& message = conversation.messages[answer];
    if (message.contains("tool_calls"))
        return DataError("the last answer calls a tool: there is no text to compare with");
    Question question;
    question.answer = message["content"].get<std::string>();
    if (answer > 0) question.text = conversation.messages[answer - 1]["content"];
    HONE_ASSIGN_OR_RETURN(question.tokens, encoder.EncodePrompt(Beginning(conversation, answer)));
    return question;
}

absl::StatusOr<Question> AskText(const std::vector<TextPart>& parts, size_t answer,
                                 const ConversationEncoder& encoder, const EncodeOptions& options) {
    Question question;
    question.answer = parts[answer].text;
    for (size_t i = 0; i < answer; ++i) question.text += parts[i].text;
    if (IsBlank(question.text))
        return DataError(
            "the whole text is trained, so that none of it is an answer to compare with: mark the "
            "answer in --text_template with [[ ]]");
    // Tokenizers join the spaces at its end to the answer's first word.
    std::string prompt = question.text;
    prompt.erase(prompt.find_last_not_of(' ') + 1);
    HONE_ASSIGN_OR_RETURN(question.tokens,
                          encoder.EncodeTextPrompt(prompt, options.add_special_tokens));
    return question;
}

}  // namespace

absl::StatusOr<Question> AskRow(const DataRow& row, const ConversationEncoder& encoder,
                                const EncodeOptions& options) {
    if (row.kind == DataRow::Kind::kTokens)
        return DataError("the rows are token ids: there is no text to compare with");
    const size_t answer = FindAnswer(row);
    if (answer == kNone) return DataError("the row has no answer to compare with");
    return row.kind == DataRow::Kind::kConversation
               ? AskConversation(row.conversation, answer, encoder)
               : AskText(row.parts, answer, encoder, options);
}

DataRow WithAnswer(const DataRow& row, const std::string& answer) {
    const size_t at = FindAnswer(row);
    HONE_CHECK(at != kNone);
    DataRow other;
    other.kind = row.kind;
    if (row.kind == DataRow::Kind::kConversation) {
        other.conversation = Beginning(row.conversation, at);
        other.conversation.messages.push_back({{"role", "assistant"}, {"content", answer}});
        other.conversation.weights.push_back(1);
        for (size_t i = 0; i < at; ++i) other.conversation.weights[i] = 0;
        return other;
    }
    for (size_t i = 0; i < at; ++i) other.parts.push_back({row.parts[i].text, false});
    // The space before a completion is a part of it.
    const std::string& old = row.parts[at].text;
    const size_t begin = std::min(old.find_first_not_of(" \n"), old.size());
    other.parts.push_back({old.substr(0, begin) + answer, true});
    return other;
}

}  // namespace hone
