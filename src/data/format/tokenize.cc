#include "data/format/tokenize.h"

#include <algorithm>

namespace hone {
namespace {

using nlohmann::ordered_json;

bool IsBlank(std::string_view text) {
    return text.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

std::string_view Trimmed(std::string_view text) {
    const size_t begin = text.find_first_not_of(" \t\r\n");
    if (begin == std::string_view::npos) return "";
    return text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
}

// Index of the first token that reaches beyond byte `at` of the text.
size_t TokenAt(const Tokenizer::Encoding& encoding, size_t at) {
    const auto found = std::partition_point(encoding.offsets.begin(), encoding.offsets.end(),
                                            [at](const auto& range) { return range.second <= at; });
    return static_cast<size_t>(found - encoding.offsets.begin());
}

ordered_json FirstMessages(const ordered_json& messages, size_t count) {
    ordered_json first = ordered_json::array();
    for (size_t i = 0; i < count; ++i) first.push_back(messages[i]);
    return first;
}

// Moves *cursor behind the message's content where the text holds it from there on; where it
// begins, or npos.
size_t FindContent(std::string_view text, const ordered_json& message, size_t* cursor) {
    const auto& content = message["content"].get_ref<const std::string&>();
    std::string_view wanted = content;
    size_t at = text.find(wanted, *cursor);
    if (at == std::string_view::npos) {
        wanted = Trimmed(content);
        at = text.find(wanted, *cursor);
    }
    if (at == std::string_view::npos || wanted.empty()) return std::string_view::npos;
    *cursor = at + wanted.size();
    return at;
}

// The end of the assistant's header: how far the text goes along with the text that asks for this
// answer, back to where a header can end.
size_t HeaderEnd(std::string_view text, std::string_view opening, size_t from) {
    const auto parted = std::mismatch(text.begin(), text.end(), opening.begin(), opening.end());
    const size_t common = static_cast<size_t>(parted.first - text.begin());
    const size_t end = text.substr(0, common).find_last_of("\n>]:");
    return end == std::string_view::npos || end < from ? from : end + 1;
}

}  // namespace

absl::StatusOr<std::shared_ptr<ConversationEncoder>> ConversationEncoder::Create(
    std::shared_ptr<const Tokenizer> tokenizer, std::shared_ptr<const ChatTemplate> chat_template,
    std::vector<int32_t> eos_ids, int64_t embedding_rows) {
    HONE_CHECK(tokenizer != nullptr);
    if (eos_ids.empty())
        return ModelError(
            "the model names no end-of-text token: set eos_token_id in its config.json or "
            "generation_config.json");
    for (int32_t id : eos_ids)
        if (id < 0 || id >= tokenizer->vocabulary_size())
            return ModelError("the end-of-text token {} is not in the vocabulary of {} tokens", id,
                              tokenizer->vocabulary_size());
    std::shared_ptr<ConversationEncoder> encoder(new ConversationEncoder);
    encoder->tokenizer_ = std::move(tokenizer);
    encoder->has_own_template_ = chat_template != nullptr;
    if (chat_template == nullptr) {
        HONE_ASSIGN_OR_RETURN(chat_template, ChatTemplate::Parse(ChatMlTemplate(), "", ""));
    }
    encoder->chat_template_ = std::move(chat_template);
    encoder->template_knows_developer_ =
        encoder->chat_template_->source().find("developer") != std::string::npos;
    encoder->embedding_rows_ =
        embedding_rows > 0 ? embedding_rows : encoder->tokenizer_->vocabulary_size();
    encoder->eos_ids_ = std::move(eos_ids);
    encoder->end_ids_ = encoder->eos_ids_;
    HONE_RETURN_IF_ERROR(encoder->FindSpecialTokens());
    return encoder;
}

absl::Status ConversationEncoder::FindSpecialTokens() {
    HONE_ASSIGN_OR_RETURN(std::vector<int32_t> plain, tokenizer_->Encode("a", false));
    HONE_ASSIGN_OR_RETURN(std::vector<int32_t> full, tokenizer_->Encode("a", true));
    const auto at = std::search(full.begin(), full.end(), plain.begin(), plain.end());
    if (at != full.end()) prefix_.assign(full.begin(), at);
    // The template's own end of turn, from a conversation that every template takes. One that
    // refuses it says so again, with the row, when it is used.
    Conversation probe;
    probe.messages = ordered_json::array(
        {{{"role", "user"}, {"content", "a"}}, {{"role", "assistant"}, {"content", "b"}}});
    probe.weights = {0, 1};
    auto rendered = RenderWithSpans(probe, false);
    if (!rendered.ok()) return absl::OkStatus();
    HONE_ASSIGN_OR_RETURN(Tokenizer::Encoding encoding,
                          tokenizer_->EncodeWithOffsets(rendered->text, false));
    const TokenRange range = AnswerTokens(*rendered, rendered->spans[0], encoding);
    if (range.ends_special && !IsEnd(encoding.ids[range.end - 1]))
        end_ids_.push_back(encoding.ids[range.end - 1]);
    return absl::OkStatus();
}

bool ConversationEncoder::IsEnd(int32_t id) const {
    return std::find(end_ids_.begin(), end_ids_.end(), id) != end_ids_.end();
}

bool ConversationEncoder::IsSpecial(int32_t id) const {
    // What vanishes with the special tokens and only then.
    const auto without = tokenizer_->Decode({id}, true);
    const auto with = tokenizer_->Decode({id}, false);
    return without.ok() && with.ok() && without->empty() && !with->empty();
}

ordered_json ConversationEncoder::TemplateMessages(const Conversation& conversation) const {
    ordered_json messages = conversation.messages;
    if (template_knows_developer_) return messages;
    // OpenAI's newer name for the same thing, which most templates have not heard of.
    for (ordered_json& message : messages)
        if (message["role"] == "developer") message["role"] = "system";
    return messages;
}

absl::StatusOr<std::string> ConversationEncoder::RenderConversation(
    const Conversation& conversation, bool add_generation_prompt) const {
    return chat_template_->Render(TemplateMessages(conversation), conversation.tools,
                                  add_generation_prompt);
}

absl::StatusOr<ConversationEncoder::Rendered> ConversationEncoder::RenderWithSpans(
    const Conversation& conversation, bool add_generation_prompt) const {
    const ordered_json messages = TemplateMessages(conversation);
    Rendered rendered;
    HONE_ASSIGN_OR_RETURN(
        rendered.text, chat_template_->Render(messages, conversation.tools, add_generation_prompt));
    const std::string_view text = rendered.text;
    auto render_first = [&](size_t count, bool prompt) {
        auto first =
            chat_template_->Render(FirstMessages(messages, count), conversation.tools, prompt);
        return first.ok() ? *std::move(first) : std::string();
    };
    size_t cursor = 0;  // behind the last message that was found
    for (size_t i = 0; i < messages.size(); ++i) {
        if (messages[i]["role"] != "assistant") {
            FindContent(text, messages[i], &cursor);
            continue;
        }
        Span span;
        span.message = i;
        const std::string opening = i > 0 ? render_first(i, true) : "";
        const bool last = i + 1 == messages.size() && !add_generation_prompt;
        const std::string closed = last ? rendered.text : render_first(i + 1, false);
        span.begin = opening.size();
        span.end = closed.size();
        span.exact = !opening.empty() && text.starts_with(opening) && text.starts_with(closed) &&
                     span.begin < span.end;
        if (span.exact) {
            cursor = span.end;
        } else {
            // Not a template that only ever appends (some drop earlier reasoning, some open a
            // thought in the prompt): the content itself says where the answer is.
            cursor = std::max(cursor, HeaderEnd(text, opening, cursor));
            span.begin = FindContent(text, messages[i], &cursor);
            span.end = span.begin == std::string::npos ? span.begin : cursor;
        }
        rendered.spans.push_back(span);
    }
    return rendered;
}

absl::StatusOr<bool> ConversationEncoder::StableAt(std::string_view text,
                                                   const Tokenizer::Encoding& encoding,
                                                   size_t cut) const {
    // A special token splits the text for the tokenizer: what is before the nearest one cannot
    // change what follows it.
    constexpr size_t kFarthest = 64;
    constexpr size_t kLongest = size_t{1} << 20;
    const size_t end = TokenAt(encoding, cut);
    size_t begin = 0, begin_byte = 0;
    for (size_t i = end; i > 0 && end - i < kFarthest; --i) {
        const auto [first, last] = encoding.offsets[i - 1];
        if (first == last || !IsSpecial(encoding.ids[i - 1])) continue;
        begin = i - 1;
        begin_byte = first;
        break;
    }
    if (cut - begin_byte > kLongest) return true;  // a bound on work, far from the cut by then
    HONE_ASSIGN_OR_RETURN(std::vector<int32_t> alone,
                          tokenizer_->Encode(text.substr(begin_byte, cut - begin_byte), false));
    return std::equal(alone.begin(), alone.end(),
                      encoding.ids.begin() + static_cast<int64_t>(begin),
                      encoding.ids.begin() + static_cast<int64_t>(end));
}

absl::StatusOr<Tokenizer::Encoding> ConversationEncoder::EncodeWithCuts(
    std::string_view text, const std::vector<size_t>& cuts) const {
    HONE_ASSIGN_OR_RETURN(Tokenizer::Encoding whole, tokenizer_->EncodeWithOffsets(text, false));
    std::vector<size_t> unstable;
    for (size_t cut : cuts) {
        HONE_ASSIGN_OR_RETURN(bool stable, StableAt(text, whole, cut));
        if (!stable) unstable.push_back(cut);
    }
    if (unstable.empty()) return whole;
    // Here the tokenizer would join the prompt's end and the answer's beginning into tokens that
    // serving, which has only the prompt, never sees.
    Tokenizer::Encoding pieces;
    unstable.push_back(text.size());
    size_t begin = 0;
    for (size_t end : unstable) {
        HONE_ASSIGN_OR_RETURN(
            Tokenizer::Encoding piece,
            tokenizer_->EncodeWithOffsets(text.substr(begin, end - begin), false));
        pieces.ids.insert(pieces.ids.end(), piece.ids.begin(), piece.ids.end());
        for (const auto& [first, last] : piece.offsets)
            pieces.offsets.emplace_back(first + begin, last + begin);
        begin = end;
    }
    return pieces;
}

ConversationEncoder::TokenRange ConversationEncoder::AnswerTokens(
    const Rendered& rendered, const Span& span, const Tokenizer::Encoding& encoding) const {
    const std::string_view text = rendered.text;
    TokenRange range;
    range.begin = TokenAt(encoding, span.begin);
    range.end = std::max(range.begin, TokenAt(encoding, span.end));
    if (!span.exact) {
        // The content alone: the end of turn is a special token right behind it.
        const size_t next = range.end;
        if (next < encoding.ids.size() && encoding.offsets[next].first >= span.end &&
            IsBlank(text.substr(span.end, encoding.offsets[next].first - span.end)) &&
            IsSpecial(encoding.ids[next])) {
            ++range.end;
            range.ends_special = true;
        }
        return range;
    }
    // What the template writes behind the end of turn (ChatML: a line feed) is never generated.
    for (size_t i = range.end; i > range.begin; --i) {
        const auto [first, last] = encoding.offsets[i - 1];
        if (!IsBlank(text.substr(last, span.end - std::min(last, span.end)))) break;
        if (first == last || !IsSpecial(encoding.ids[i - 1])) continue;
        range.end = i;
        range.ends_special = true;
        break;
    }
    return range;
}

std::vector<size_t> ConversationEncoder::Cuts(const Rendered& rendered) {
    std::vector<size_t> cuts;
    for (const Span& span : rendered.spans)
        if (span.begin != std::string::npos && span.begin > 0) cuts.push_back(span.begin);
    return cuts;
}

void ConversationEncoder::AddPrefix(std::vector<int32_t>* ids) const {
    // Never twice: templates and texts may spell the BOS out.
    if (!prefix_.empty() && ids->size() >= prefix_.size() &&
        std::equal(prefix_.begin(), prefix_.end(), ids->begin()))
        return;
    ids->insert(ids->begin(), prefix_.begin(), prefix_.end());
}

absl::StatusOr<std::vector<int32_t>> ConversationEncoder::EncodePrompt(
    const Conversation& conversation) const {
    HONE_ASSIGN_OR_RETURN(Rendered rendered, RenderWithSpans(conversation, true));
    HONE_ASSIGN_OR_RETURN(Tokenizer::Encoding encoding,
                          EncodeWithCuts(rendered.text, Cuts(rendered)));
    if (!has_own_template_) AddPrefix(&encoding.ids);
    return encoding.ids;
}

absl::StatusOr<std::vector<int32_t>> ConversationEncoder::EncodeTextPrompt(
    std::string_view text, bool add_special_tokens) const {
    HONE_ASSIGN_OR_RETURN(std::vector<int32_t> ids, tokenizer_->Encode(text, false));
    if (add_special_tokens) AddPrefix(&ids);
    return ids;
}

absl::StatusOr<EncodedRow> ConversationEncoder::EncodeConversation(
    const Conversation& conversation, const EncodeOptions& options) const {
    HONE_CHECK(conversation.weights.size() == conversation.messages.size());
    HONE_ASSIGN_OR_RETURN(Rendered rendered, RenderWithSpans(conversation, false));
    HONE_ASSIGN_OR_RETURN(Tokenizer::Encoding encoding,
                          EncodeWithCuts(rendered.text, Cuts(rendered)));
    EncodedRow row;
    std::vector<int32_t>& ids = row.example.tokens;
    std::vector<float>& weights = row.example.weights;
    ids = encoding.ids;
    weights.assign(ids.size(), options.train_on_prompt ? 1.0f : 0.0f);
    for (const Span& span : rendered.spans) {
        const float weight = conversation.weights[span.message];
        if (span.begin == std::string::npos) {
            if (weight == 0 && !options.train_on_prompt) continue;
            return DataError(
                "the chat template does not show message {} as it was written, so its tokens "
                "cannot be told from the others (give it \"weight\": 0, or use --train_on_prompt "
                "with a template that keeps all messages)",
                span.message + 1);
        }
        const TokenRange range = AnswerTokens(rendered, span, encoding);
        std::fill(weights.begin() + static_cast<int64_t>(range.begin),
                  weights.begin() + static_cast<int64_t>(range.end), weight);
        if (weight == 0 || range.begin == range.end) continue;
        ++row.answers;
        if (IsEnd(ids[range.end - 1])) {
            ++row.ended_answers;
        } else if (span.message + 1 == conversation.messages.size() && !range.ends_special) {
            // The template ends the turn with plain text: generation needs a token to stop at.
            ids.push_back(eos_ids_[0]);
            weights.push_back(weight);
            ++row.ended_answers;
        }
    }
    if (!has_own_template_) {
        AddPrefix(&ids);
        weights.insert(weights.begin(), ids.size() - weights.size(), 0.0f);
    }
    return row;
}

absl::StatusOr<EncodedRow> ConversationEncoder::EncodeParts(const std::vector<TextPart>& parts,
                                                            const EncodeOptions& options) const {
    std::string text;
    std::vector<size_t> cuts;
    bool trained = true;  // the part before
    for (const TextPart& part : parts) {
        if (part.trained && !trained) cuts.push_back(text.size());
        trained = part.trained;
        text += part.text;
    }
    HONE_ASSIGN_OR_RETURN(Tokenizer::Encoding encoding, EncodeWithCuts(text, cuts));
    EncodedRow row;
    std::vector<int32_t>& ids = row.example.tokens;
    std::vector<float>& weights = row.example.weights;
    ids = std::move(encoding.ids);
    weights.assign(ids.size(), 1.0f);
    size_t at = 0;
    for (const TextPart& part : parts) {
        const size_t begin = TokenAt(encoding, at);
        at += part.text.size();
        if (part.trained || options.train_on_prompt) continue;
        std::fill(weights.begin() + static_cast<int64_t>(begin),
                  weights.begin() + static_cast<int64_t>(TokenAt(encoding, at)), 0.0f);
    }
    const bool end_trained = trained || options.train_on_prompt;
    if (options.add_special_tokens) {
        AddPrefix(&ids);
        weights.insert(weights.begin(), ids.size() - weights.size(), 0.0f);
        if (ids.empty() || !IsEnd(ids.back())) {
            ids.push_back(eos_ids_[0]);
            weights.push_back(end_trained ? 1.0f : 0.0f);
        }
    }
    row.answers = 1;
    row.ended_answers = !ids.empty() && IsEnd(ids.back()) && weights.back() > 0 ? 1 : 0;
    return row;
}

absl::StatusOr<EncodedRow> ConversationEncoder::EncodeCompletion(
    std::string_view prompt, std::string_view completion, const EncodeOptions& options) const {
    std::vector<TextPart> parts;
    if (!prompt.empty()) parts.push_back({std::string(prompt), false});
    parts.push_back({std::string(completion), true});
    return EncodeParts(parts, options);
}

absl::StatusOr<EncodedRow> ConversationEncoder::EncodeText(std::string_view text,
                                                           const EncodeOptions& options) const {
    return EncodeParts({{std::string(text), true}}, options);
}

absl::StatusOr<EncodedRow> ConversationEncoder::EncodeRow(const DataRow& row,
                                                          const EncodeOptions& options) const {
    switch (row.kind) {
        case DataRow::Kind::kConversation:
            return EncodeConversation(row.conversation, options);
        case DataRow::Kind::kText:
            return EncodeParts(row.parts, options);
        case DataRow::Kind::kTokens:
            break;
    }
    for (size_t i = 0; i < row.input_ids.size(); ++i)
        if (row.input_ids[i] >= embedding_rows_)
            return DataError("input_ids item {} is {}, the model has {} tokens", i + 1,
                             row.input_ids[i], embedding_rows_);
    EncodedRow encoded;
    encoded.example.tokens = row.input_ids;
    encoded.example.weights = row.weights;
    if (options.train_on_prompt) encoded.example.weights.assign(row.weights.size(), 1.0f);
    const auto& weights = encoded.example.weights;
    const auto last = std::find_if(weights.rbegin(), weights.rend(), [](float w) { return w > 0; });
    if (last == weights.rend()) return encoded;
    encoded.answers = 1;
    encoded.ended_answers =
        IsEnd(row.input_ids[static_cast<size_t>(weights.rend() - last) - 1]) ? 1 : 0;
    return encoded;
}

}  // namespace hone
