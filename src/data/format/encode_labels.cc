// ConversationEncoder for rows with labels.
#include <algorithm>

#include "data/format/tokenize.h"

namespace hone {
namespace {

absl::StatusOr<int32_t> NumberOf(const std::string& label, const LabelTable& labels) {
    if (const auto number = labels.Find(label)) return *number;
    return DataError("the label \"{:.100}\" is none of the {} that the model is trained for", label,
                     labels.names().size());
}

}  // namespace

absl::StatusOr<EncodedWords> ConversationEncoder::EncodeWords(
    std::string_view text, const std::vector<LabelledWord>& words, bool add_special_tokens) const {
    HONE_ASSIGN_OR_RETURN(const Tokenizer::Encoding encoding,
                          tokenizer_->EncodeWithOffsets(text, false));
    EncodedWords encoded{encoding.ids, std::vector<int32_t>(words.size(), -1)};
    if (add_special_tokens) AddPrefix(&encoded.tokens);
    const size_t prefix = encoded.tokens.size() - encoding.ids.size();
    size_t word = 0;
    for (size_t i = 0; i < encoding.offsets.size(); ++i) {
        auto [begin, end] = encoding.offsets[i];
        // Many tokenizers put the space before a word into its first token.
        while (begin < end && text[begin] == ' ') ++begin;
        while (word < words.size() && words[word].end <= begin) ++word;
        if (begin == end || word == words.size() || words[word].begin >= end) continue;
        if (encoded.first_tokens[word] < 0)
            encoded.first_tokens[word] = static_cast<int32_t>(prefix + i);
    }
    return encoded;
}

absl::StatusOr<EncodedRow> ConversationEncoder::EncodeLabelled(const DataRow& row,
                                                               const EncodeOptions& options) const {
    HONE_CHECK(options.labels != nullptr && row.parts.size() == 1);
    const LabelTable& labels = *options.labels;
    HONE_ASSIGN_OR_RETURN(EncodedWords encoded, EncodeWords(row.parts.front().text, row.words,
                                                            options.add_special_tokens));
    EncodedRow result;
    Example& example = result.example;
    example.tokens = std::move(encoded.tokens);
    example.weights.assign(example.tokens.size(), 0.0f);
    example.kind = row.words.empty() ? LabelKind::kSequence : LabelKind::kToken;
    if (example.tokens.empty()) return result;
    const auto give = [&](int32_t token, int32_t label) {
        example.labels.push_back({token, label});
        example.weights[static_cast<size_t>(token)] =
            options.multi_label ? 1.0f : labels.weight(label);
    };
    const auto last = static_cast<int32_t>(example.tokens.size()) - 1;
    if (options.multi_label) example.weights.back() = 1;  // also of a text without a label
    for (const std::string& label : row.labels) {
        HONE_ASSIGN_OR_RETURN(const int32_t number, NumberOf(label, labels));
        give(last, number);
    }
    for (size_t i = 0; i < row.words.size(); ++i) {
        HONE_ASSIGN_OR_RETURN(const int32_t number, NumberOf(row.words[i].tag, labels));
        if (encoded.first_tokens[i] >= 0) give(encoded.first_tokens[i], number);
    }
    std::sort(example.labels.begin(), example.labels.end(), [](const auto& a, const auto& b) {
        return std::pair(a.token, a.label) < std::pair(b.token, b.label);
    });
    return result;
}

}  // namespace hone
