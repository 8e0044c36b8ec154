// The one way from messages to tokens, for training, evaluation and serving.
//
// A chat template is the whole truth of a conversation: its text is tokenised without the
// tokenizer's own BOS and EOS, as transformers does it. Only with the fall-back template (ChatML,
// for models that bring none) the tokenizer's BOS is put in front. Text outside a template gets the
// BOS that the tokenizer adds, once, and an EOS at its end.
//
// Prompt and answer are tokenised together, as one text, and told apart by the bytes behind each
// token. A token that begins in the prompt and ends in the answer belongs to the answer, because
// the model would have to generate it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "data/format/label_table.h"
#include "data/format/row_format.h"
#include "nlohmann/json.hpp"
#include "tensor/batch.h"
#include "text/chat_template.h"
#include "text/tokenizer.h"

namespace hone {

struct EncodeOptions {
    bool train_on_prompt = false;    // loss on every token (but messages of weight 0)
    bool add_special_tokens = true;  // text outside a template: BOS in front, EOS at the end
    // For rows with labels: which there are, and whether a text can have several.
    const LabelTable* labels = nullptr;
    bool multi_label = false;
};

// A text to be classified: its tokens with the BOS that the tokenizer adds, without an EOS.
struct EncodedWords {
    std::vector<int32_t> tokens;
    // Of each word its first token; -1 where it has none of its own.
    std::vector<int32_t> first_tokens;
};

// A row as tokens, with what the checks want to know.
struct EncodedRow {
    Example example;
    int64_t answers = 0;        // texts or assistant messages that are trained
    int64_t ended_answers = 0;  // of them, those whose last trained token is an end token
    // What the chat template does not show of the conversation, and is not to be trained either.
    std::vector<std::string> left_out;
};

// Immutable and safe to use from many threads.
class ConversationEncoder {
  public:
    // chat_template: null means ChatML. eos_ids: the tokens at which generation stops, at least
    // one; the first is appended to texts. embedding_rows: the number of ids that the model has,
    // which may be more than the tokenizer's; 0: as many as the tokenizer's.
    static absl::StatusOr<std::shared_ptr<ConversationEncoder>> Create(
        std::shared_ptr<const Tokenizer> tokenizer,
        std::shared_ptr<const ChatTemplate> chat_template, std::vector<int32_t> eos_ids,
        int64_t embedding_rows = 0);

    // The same encoder with ChatTemplate::WithDate.
    absl::StatusOr<std::shared_ptr<const ConversationEncoder>> WithDate(std::string date) const;
    // Whether the chat template shows the day, and with it other tokens on another.
    bool ReadsClock() const { return chat_template_->ReadsClock(); }

    // The text of a conversation.
    absl::StatusOr<std::string> RenderConversation(const Conversation& conversation,
                                                   bool add_generation_prompt) const;

    // The tokens of a prompt: the conversation and the template's opening of the assistant's turn.
    // They are the tokens that EncodeConversation puts before the answer in training, except one
    // that would reach into the answer.
    absl::StatusOr<std::vector<int32_t>> EncodePrompt(const Conversation& conversation) const;
    // The tokens of a text that is to be continued, outside of a chat template.
    absl::StatusOr<std::vector<int32_t>> EncodeTextPrompt(std::string_view text,
                                                          bool add_special_tokens = true) const;

    // Weight 1 (or the message's weight) on each assistant message with its end-of-turn token, else
    // 0. What is to be trained and the template does not show is an error.
    absl::StatusOr<EncodedRow> EncodeConversation(const Conversation& conversation,
                                                  const EncodeOptions& options) const;
    // The parts as one text. Weight 1 on those that are trained, and on the EOS where the last one
    // is.
    absl::StatusOr<EncodedRow> EncodeParts(const std::vector<TextPart>& parts,
                                           const EncodeOptions& options) const;
    // Weight 1 on the completion and the EOS after it. Prompt and completion are joined as they
    // stand.
    absl::StatusOr<EncodedRow> EncodeCompletion(std::string_view prompt,
                                                std::string_view completion,
                                                const EncodeOptions& options) const;
    // Weight 1 on every token and the EOS after them.
    absl::StatusOr<EncodedRow> EncodeText(std::string_view text,
                                          const EncodeOptions& options) const;
    absl::StatusOr<EncodedWords> EncodeWords(std::string_view text,
                                             const std::vector<LabelledWord>& words,
                                             bool add_special_tokens) const;
    // A row with labels: those of a text at its last token, those of words at the first token of
    // each. A label that options.labels has not is an error.
    absl::StatusOr<EncodedRow> EncodeLabelled(const DataRow& row,
                                              const EncodeOptions& options) const;
    // Any converted row, by its kind; the two answers of a pair one behind the other.
    absl::StatusOr<EncodedRow> EncodeRow(const DataRow& row, const EncodeOptions& options) const;

    // What ends an answer: the eos_ids and the template's end-of-turn token. Generation stops at
    // these.
    const std::vector<int32_t>& end_ids() const { return end_ids_; }
    bool IsEnd(int32_t id) const;
    const Tokenizer& tokenizer() const { return *tokenizer_; }
    // False: the model has no template, and ChatML is used.
    bool has_own_template() const { return has_own_template_; }

  private:
    // The bytes of a rendered text that are an assistant message. Exact: up to the next message's
    // first byte, with what the template puts behind the content. Else the message alone; both npos
    // where the template does not show it.
    struct Span {
        size_t message = 0;
        size_t begin = 0;
        size_t end = 0;
        bool exact = false;
    };
    struct Rendered {
        nlohmann::ordered_json messages;  // as the template got them
        std::string text;
        std::vector<Span> spans;  // one for each assistant message, in order
    };
    // The tokens of an answer, [begin, end), its end of turn included where that is one token.
    struct TokenRange {
        size_t begin = 0;
        size_t end = 0;
        bool ends_turn = false;
    };
    // How templates get the arguments of tool calls.
    enum class Arguments { kObject, kText };

    ConversationEncoder() = default;
    absl::Status FindEndOfTurn();
    absl::Status FindArguments();
    nlohmann::ordered_json TemplateMessages(const Conversation& conversation,
                                            Arguments arguments) const;
    // The conversation's text, and its messages as the template got them.
    absl::StatusOr<Rendered> Render(const Conversation& conversation,
                                    bool add_generation_prompt) const;
    absl::Status FindSpans(const Conversation& conversation, Rendered* rendered) const;
    absl::StatusOr<Span> FindByDifference(const Conversation& conversation,
                                          const Rendered& rendered, size_t message) const;
    absl::StatusOr<Span> FindByRemoval(const Conversation& conversation, const Rendered& rendered,
                                       size_t message) const;
    absl::StatusOr<std::vector<std::string>> CheckShown(const Conversation& conversation,
                                                        const Rendered& rendered) const;
    absl::StatusOr<EncodedRow> EncodeAnswer(const DataRow& row, const EncodeOptions& options) const;
    TokenRange AnswerTokens(const Rendered& rendered, const Span& span,
                            const Tokenizer::Encoding& encoding, bool any_added) const;
    void AddPrefix(std::vector<int32_t>* ids) const;

    std::shared_ptr<const Tokenizer> tokenizer_;
    std::shared_ptr<const ChatTemplate> chat_template_;
    int64_t embedding_rows_ = 0;
    bool has_own_template_ = false;
    bool template_knows_developer_ = false;
    Arguments arguments_ = Arguments::kObject;
    std::vector<int32_t> eos_ids_;
    std::vector<int32_t> end_ids_;
    std::vector<int32_t>
        prefix_;  // what the tokenizer's post-processor puts in front of a text (BOS)
};

}  // namespace hone
