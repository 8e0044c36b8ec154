#include "data/format/tokenize.h"

#include <algorithm>

#include "base/text/text.h"
#include "data/format/left_out.h"
#include "data/format/messages.h"
#include "data/format/text_pair.h"

namespace hone {
namespace {

using nlohmann::ordered_json;

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

// As Python's json.dumps writes it.
std::string PythonJson(const ordered_json& value) {
    std::string text;
    if (value.is_object()) {
        for (const auto& [key, part] : value.items())
            text += (text.empty() ? "" : ", ") + PythonJson(key) + ": " + PythonJson(part);
        return "{" + text + "}";
    }
    if (value.is_array()) {
        for (const ordered_json& part : value)
            text += (text.empty() ? "" : ", ") + PythonJson(part);
        return "[" + text + "]";
    }
    return value.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

// The arguments of all tool calls as `to_text` says, where they can be.
void RewriteArguments(ordered_json& message, bool to_text) {
    const auto calls = message.find("tool_calls");
    if (calls == message.end() || !calls->is_array()) return;
    for (ordered_json& call : *calls) {
        ordered_json& function = call.contains("function") ? call["function"] : call;
        const auto arguments = function.find("arguments");
        if (arguments == function.end()) continue;
        ordered_json parsed;
        if (to_text && arguments->is_object()) {
            *arguments = PythonJson(*arguments);
        } else if (!to_text && arguments->is_string() &&
                   ParseInnerJson(arguments->get_ref<const std::string&>(), &parsed) &&
                   parsed.is_object()) {
            *arguments = std::move(parsed);
        }
    }
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
        HONE_ASSIGN_OR_RETURN(chat_template,
                              ChatTemplate::Parse(ChatMlTemplate(), ordered_json::object()));
    }
    encoder->chat_template_ = std::move(chat_template);
    for (const auto& [name, source] : encoder->chat_template_->sources())
        if (source.find("developer") != std::string::npos)
            encoder->template_knows_developer_ = true;
    encoder->embedding_rows_ =
        embedding_rows > 0 ? embedding_rows : encoder->tokenizer_->vocabulary_size();
    encoder->eos_ids_ = std::move(eos_ids);
    encoder->end_ids_ = encoder->eos_ids_;
    HONE_RETURN_IF_ERROR(encoder->FindEndOfTurn());
    HONE_RETURN_IF_ERROR(encoder->FindArguments());
    return encoder;
}

absl::Status ConversationEncoder::FindEndOfTurn() {
    HONE_ASSIGN_OR_RETURN(std::vector<int32_t> plain, tokenizer_->Encode("a", false));
    HONE_ASSIGN_OR_RETURN(std::vector<int32_t> full, tokenizer_->Encode("a", true));
    const auto at = std::search(full.begin(), full.end(), plain.begin(), plain.end());
    if (at != full.end()) prefix_.assign(full.begin(), at);
    // The template's own end of turn, from a conversation that every template accepts. One that
    // refuses it says so again, with the row, when it is used.
    Conversation probe;
    probe.messages = ordered_json::array(
        {{{"role", "user"}, {"content", "a"}}, {{"role", "assistant"}, {"content", "b"}}});
    probe.weights = {0, 1};
    auto rendered = Render(probe, false);
    if (!rendered.ok() && KindOf(rendered.status()) == ErrorKind::kMemory) return rendered.status();
    if (!rendered.ok()) return absl::OkStatus();
    HONE_RETURN_IF_ERROR(FindSpans(probe, &*rendered));
    HONE_ASSIGN_OR_RETURN(Tokenizer::Encoding encoding,
                          tokenizer_->EncodeWithOffsets(rendered->text, false));
    if (rendered->spans[0].begin == std::string::npos) return absl::OkStatus();
    // Tokens that were added by hand often lack the flag "special": here any added one counts.
    const TokenRange range = AnswerTokens(*rendered, rendered->spans[0], encoding, true);
    if (range.ends_turn && !IsEnd(encoding.ids[range.end - 1]))
        end_ids_.push_back(encoding.ids[range.end - 1]);
    return absl::OkStatus();
}

// OpenAI writes arguments as a string of JSON. Most templates want the object, and print it as
// JSON; some print what they get, as it is: an object would become Python's {'x': 1} or nothing.
absl::Status ConversationEncoder::FindArguments() {
    Conversation probe;
    probe.messages = ordered_json::array(
        {{{"role", "user"}, {"content", "a"}},
         {{"role", "assistant"},
          {"content", ""},
          {"tool_calls",
           {{{"id", "call00001"},
             {"type", "function"},
             {"function", {{"name", "f"}, {"arguments", {{"key907", "b"}}}}}}}}}});
    auto shown = [&](Arguments arguments) {
        return chat_template_->Render(TemplateMessages(probe, arguments), nullptr, false);
    };
    const auto object = shown(Arguments::kObject);
    if (object.ok() && object->find("'key907'") == std::string::npos) return absl::OkStatus();
    const auto text = shown(Arguments::kText);
    for (const auto* result : {&object, &text})
        if (!result->ok() && KindOf(result->status()) == ErrorKind::kMemory)
            return result->status();
    if (text.ok() && text->find("\"key907\"") != std::string::npos) arguments_ = Arguments::kText;
    return absl::OkStatus();
}

bool ConversationEncoder::IsEnd(int32_t id) const {
    return std::find(end_ids_.begin(), end_ids_.end(), id) != end_ids_.end();
}

ordered_json ConversationEncoder::TemplateMessages(const Conversation& conversation,
                                                   Arguments arguments) const {
    ordered_json messages = conversation.messages;
    for (ordered_json& message : messages) {
        RewriteArguments(message, arguments == Arguments::kText);
        // OpenAI's newer name for the same thing, which most templates have not heard of.
        if (!template_knows_developer_ && message["role"] == "developer")
            message["role"] = "system";
    }
    return messages;
}

absl::StatusOr<ConversationEncoder::Rendered> ConversationEncoder::Render(
    const Conversation& conversation, bool add_generation_prompt) const {
    Rendered rendered;
    rendered.messages = TemplateMessages(conversation, arguments_);
    auto text =
        chat_template_->Render(rendered.messages, conversation.tools, add_generation_prompt);
    if (!text.ok() && KindOf(text.status()) != ErrorKind::kMemory) {
        // A template that joins them to a text fails on objects, and the other way round.
        ordered_json other = TemplateMessages(
            conversation, arguments_ == Arguments::kText ? Arguments::kObject : Arguments::kText);
        if (other != rendered.messages) {
            auto second = chat_template_->Render(other, conversation.tools, add_generation_prompt);
            if (second.ok()) {
                text = std::move(second);
                rendered.messages = std::move(other);
            }
        }
    }
    if (!text.ok()) return text.status();
    rendered.text = *std::move(text);
    return rendered;
}

absl::StatusOr<std::shared_ptr<const ConversationEncoder>> ConversationEncoder::WithDate(
    std::string date) const {
    std::shared_ptr<ConversationEncoder> encoder(new ConversationEncoder(*this));
    HONE_ASSIGN_OR_RETURN(encoder->chat_template_, chat_template_->WithDate(std::move(date)));
    return encoder;
}

absl::StatusOr<std::string> ConversationEncoder::RenderConversation(
    const Conversation& conversation, bool add_generation_prompt) const {
    HONE_ASSIGN_OR_RETURN(Rendered rendered, Render(conversation, add_generation_prompt));
    return std::move(rendered.text);
}

// Where the text changes when the message does.
absl::StatusOr<ConversationEncoder::Span> ConversationEncoder::FindByDifference(
    const Conversation& conversation, const Rendered& rendered, size_t message) const {
    // Of the private use area: no text begins or ends with it.
    constexpr std::string_view kMark = "\uE0F7";
    Span span = {message, std::string::npos, std::string::npos, false};
    ordered_json messages = rendered.messages;
    messages[message] = {{"role", "assistant"}, {"content", kMark}};
    auto marked = chat_template_->Render(messages, conversation.tools, false);
    if (!marked.ok() && KindOf(marked.status()) == ErrorKind::kMemory) return marked.status();
    if (!marked.ok()) return FindByRemoval(conversation, rendered, message);
    const size_t at = marked->find(kMark);
    if (at == std::string::npos || marked->find(kMark, at + 1) != std::string::npos) return span;
    const std::string_view text = rendered.text;
    const std::string_view before = std::string_view(*marked).substr(0, at);
    const std::string_view after = std::string_view(*marked).substr(at + kMark.size());
    const auto common = std::mismatch(text.begin(), text.end(), before.begin(), before.end());
    size_t begin = static_cast<size_t>(common.first - text.begin());
    const auto same = std::mismatch(text.rbegin(), text.rend(), after.rbegin(), after.rend());
    size_t end = text.size() - static_cast<size_t>(same.first - text.rbegin());
    if (begin >= end) return span;
    span.begin = begin;
    span.end = end;
    return span;
}

// Where the text changes when a message with tool calls is gone: the roles of some templates
// alternate only as long as the calls and their results stand between them.
absl::StatusOr<ConversationEncoder::Span> ConversationEncoder::FindByRemoval(
    const Conversation& conversation, const Rendered& rendered, size_t message) const {
    const Span unknown = {message, std::string::npos, std::string::npos, false};
    const ordered_json& messages = rendered.messages;
    if (!messages[message].contains("tool_calls")) return unknown;
    auto render = [&](ordered_json some, bool prompt) -> absl::StatusOr<std::string> {
        auto shown = chat_template_->Render(some, conversation.tools, prompt);
        if (!shown.ok() && KindOf(shown.status()) != ErrorKind::kMemory) return std::string();
        return shown;
    };
    ordered_json others = messages;
    others.erase(message);
    HONE_ASSIGN_OR_RETURN(const std::string without, render(std::move(others), false));
    HONE_ASSIGN_OR_RETURN(const std::string before,
                          render(FirstMessages(messages, message), false));
    HONE_ASSIGN_OR_RETURN(const std::string asked, render(FirstMessages(messages, message), true));
    const std::string_view text = rendered.text;
    if (without.empty() || without.size() >= text.size()) return unknown;
    // What the template writes in front of each answer is not trained.
    const std::string header = asked.starts_with(before) ? asked.substr(before.size()) : "";
    const size_t size = text.size() - without.size();
    const auto common = std::mismatch(text.begin(), text.end(), without.begin(), without.end());
    size_t begin = static_cast<size_t>(common.first - text.begin());
    if (text.substr(begin + size) != std::string_view(without).substr(begin)) return unknown;
    // What follows may begin as the message does ("[TOOL_"): the same text is gone wherever the cut
    // is moved to so.
    auto movable = [&] { return begin > 0 && text[begin - 1] == text[begin + size - 1]; };
    auto fits = [&] { return !header.empty() && text.substr(begin).starts_with(header); };
    while (!fits() && movable()) --begin;
    if (!header.empty() && !fits()) return unknown;
    if (header.size() >= size) return unknown;
    return Span{message, begin + header.size(), begin + size, true};
}

absl::Status ConversationEncoder::FindSpans(const Conversation& conversation,
                                            Rendered* rendered) const {
    const ordered_json& messages = rendered->messages;
    const std::string_view text = rendered->text;
    auto render_first = [&](size_t count, bool prompt) -> absl::StatusOr<std::string> {
        auto first =
            chat_template_->Render(FirstMessages(messages, count), conversation.tools, prompt);
        if (!first.ok() && KindOf(first.status()) != ErrorKind::kMemory) return std::string();
        return first;
    };
    for (size_t i = 0; i < messages.size(); ++i) {
        if (messages[i]["role"] != "assistant") continue;
        std::string opening, closed;
        if (i > 0) {
            HONE_ASSIGN_OR_RETURN(opening, render_first(i, true));
        }
        Span span = {i, opening.size(), text.size(), false};
        if (i + 1 < messages.size()) {
            HONE_ASSIGN_OR_RETURN(closed, render_first(i + 1, false));
            span.end = closed.size();
        }
        span.exact = !opening.empty() && text.starts_with(opening) && text.starts_with(closed) &&
                     span.begin < span.end;
        if (!span.exact) {
            // Not a template that only ever appends: some drop earlier reasoning, some open a
            // thought in the prompt, some put the system text into the last question.
            HONE_ASSIGN_OR_RETURN(span, FindByDifference(conversation, *rendered, i));
        }
        rendered->spans.push_back(span);
    }
    return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> ConversationEncoder::CheckShown(
    const Conversation& conversation, const Rendered& rendered) const {
    auto answer = [&](size_t message) -> std::string_view {
        for (const Span& span : rendered.spans)
            if (span.message == message && span.begin != std::string::npos)
                return std::string_view(rendered.text).substr(span.begin, span.end - span.begin);
        return "";
    };
    auto render = [&](const ordered_json& messages, const ordered_json& tools) {
        return chat_template_->Render(messages, tools, false);
    };
    HONE_ASSIGN_OR_RETURN(std::vector<LeftOut> all, FindLeftOut(conversation, rendered.messages,
                                                                rendered.text, answer, render));
    std::vector<std::string> context;
    for (LeftOut& left_out : all) {
        if (left_out.trained)
            return DataError(
                "the chat template does not show {}, so it would not be trained (take a model "
                "whose template shows it, or give the message \"weight\": 0)",
                left_out.what);
        context.push_back(std::move(left_out.what));
    }
    return context;
}

ConversationEncoder::TokenRange ConversationEncoder::AnswerTokens(
    const Rendered& rendered, const Span& span, const Tokenizer::Encoding& encoding,
    bool any_added) const {
    const std::string_view text = rendered.text;
    auto ends_turn = [&](int32_t id) {
        return tokenizer_->IsSpecial(id) || IsEnd(id) || (any_added && tokenizer_->IsAdded(id));
    };
    TokenRange range;
    range.begin = TokenAt(encoding, span.begin);
    range.end = std::max(range.begin, TokenAt(encoding, span.end));
    if (!span.exact) {
        // The message alone: the end of turn is a token right behind it.
        const size_t next = range.end;
        if (next < encoding.ids.size() && encoding.offsets[next].first >= span.end &&
            IsBlank(text.substr(span.end, encoding.offsets[next].first - span.end)) &&
            ends_turn(encoding.ids[next])) {
            ++range.end;
            range.ends_turn = true;
        }
        return range;
    }
    // What the template writes behind the end of turn (ChatML: a line feed) is never generated.
    for (size_t i = range.end; i > range.begin; --i) {
        const auto [first, last] = encoding.offsets[i - 1];
        if (!IsBlank(text.substr(last, span.end - std::min(last, span.end)))) break;
        if (first == last || !ends_turn(encoding.ids[i - 1])) continue;
        range.end = i;
        range.ends_turn = true;
        break;
    }
    return range;
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
    HONE_ASSIGN_OR_RETURN(std::string text, RenderConversation(conversation, true));
    HONE_ASSIGN_OR_RETURN(std::vector<int32_t> ids, tokenizer_->Encode(text, false));
    if (!has_own_template_) AddPrefix(&ids);
    return ids;
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
    HONE_ASSIGN_OR_RETURN(Rendered rendered, Render(conversation, false));
    HONE_RETURN_IF_ERROR(FindSpans(conversation, &rendered));
    EncodedRow row;
    HONE_ASSIGN_OR_RETURN(row.left_out, CheckShown(conversation, rendered));
    HONE_ASSIGN_OR_RETURN(Tokenizer::Encoding encoding,
                          tokenizer_->EncodeWithOffsets(rendered.text, false));
    std::vector<int32_t>& ids = row.example.tokens;
    std::vector<float>& weights = row.example.weights;
    ids = encoding.ids;
    weights.assign(ids.size(), options.train_on_prompt ? 1.0f : 0.0f);
    for (const Span& span : rendered.spans) {
        const float weight = conversation.weights[span.message];
        if (span.begin == std::string::npos) {
            if (weight == 0 && !options.train_on_prompt) continue;
            return DataError(
                "the chat template does not show message {}, so its tokens cannot be told from the "
                "others (give it \"weight\": 0, or take a model whose template shows it)",
                span.message + 1);
        }
        const TokenRange range = AnswerTokens(rendered, span, encoding, false);
        std::fill(weights.begin() + static_cast<int64_t>(range.begin),
                  weights.begin() + static_cast<int64_t>(range.end), weight);
        if (weight == 0 || range.begin == range.end) continue;
        ++row.answers;
        if (IsEnd(ids[range.end - 1])) {
            ++row.ended_answers;
        } else if (span.message + 1 == conversation.messages.size() && !range.ends_turn) {
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
    for (const TextPart& part : parts) text += part.text;
    const bool trained = parts.empty() || parts.back().trained;
    HONE_ASSIGN_OR_RETURN(Tokenizer::Encoding encoding, tokenizer_->EncodeWithOffsets(text, false));
    EncodedRow row;
    std::vector<int32_t>& ids = row.example.tokens;
    std::vector<float>& weights = row.example.weights;
    ids = encoding.ids;
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
    HONE_ASSIGN_OR_RETURN(EncodedRow encoded, EncodeAnswer(row, options));
    encoded.example.undesired = row.undesired;
    if (row.other.empty()) return encoded;
    HONE_ASSIGN_OR_RETURN(const EncodedRow other, EncodeAnswer(row.other.front(), options));
    Example& pair = encoded.example;
    if (pair.tokens.empty() || other.example.tokens.empty())
        return DataError("one of the answers has no tokens");
    pair.second = static_cast<int64_t>(pair.tokens.size());
    pair.tokens.insert(pair.tokens.end(), other.example.tokens.begin(), other.example.tokens.end());
    pair.weights.insert(pair.weights.end(), other.example.weights.begin(),
                        other.example.weights.end());
    // Nothing predicts the first token of a document.
    pair.weights[static_cast<size_t>(pair.second)] = 0;
    encoded.answers += other.answers;
    encoded.ended_answers += other.ended_answers;
    for (const std::string& part : other.left_out)
        if (std::find(encoded.left_out.begin(), encoded.left_out.end(), part) ==
            encoded.left_out.end())
            encoded.left_out.push_back(part);
    return encoded;
}

absl::StatusOr<EncodedRow> ConversationEncoder::EncodeAnswer(const DataRow& row,
                                                             const EncodeOptions& options) const {
    switch (row.kind) {
        case DataRow::Kind::kConversation:
            return EncodeConversation(row.conversation, options);
        case DataRow::Kind::kText:
            return EncodeParts(row.parts, options);
        case DataRow::Kind::kLabelled:
            return EncodeLabelled(row, options);
        case DataRow::Kind::kTextPair:
            return EncodeTextPair(*this, row, options);
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
