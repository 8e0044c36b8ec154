#include "infer/token_bytes.h"

#include <map>

namespace hone {
namespace {

// GPT-2's spelling of bytes: printable ones as themselves, the others as the characters from U+0100
// on, in their order (bytes_to_unicode in https://github.com/openai/gpt-2, src/encoder.py).
std::map<uint32_t, char> ByteOfCharacter() {
    std::map<uint32_t, char> bytes;
    uint32_t next = 0x100;
    for (uint32_t byte = 0; byte < 256; ++byte) {
        const bool printable = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) ||
                               (byte >= 0xae && byte <= 0xff);
        bytes[printable ? byte : next++] = static_cast<char>(byte);
    }
    return bytes;
}

// One character of UTF-8 off the front of a text, which is valid.
uint32_t TakeCharacter(std::string_view& text) {
    const auto first = static_cast<unsigned char>(text[0]);
    const size_t length = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    uint32_t character = length == 1 ? first : first & (0xffu >> (length + 1));
    for (size_t i = 1; i < length && i < text.size(); ++i)
        character = character << 6 | (static_cast<unsigned char>(text[i]) & 0x3f);
    text.remove_prefix(std::min(length, text.size()));
    return character;
}

std::string ByteLevelText(std::string_view token, const std::map<uint32_t, char>& bytes) {
    std::string text;
    for (std::string_view rest = token; !rest.empty();) {
        const std::string_view before = rest;
        const auto found = bytes.find(TakeCharacter(rest));
        if (found == bytes.end()) {
            text += before.substr(0, before.size() - rest.size());
        } else {
            text += found->second;
        }
    }
    return text;
}

std::string PieceText(std::string_view token, bool is_byte) {
    if (is_byte && token.size() == 6)
        return {static_cast<char>(std::stoi(std::string(token.substr(3, 2)), nullptr, 16))};
    constexpr std::string_view kSpace = "\u2581";
    std::string text;
    for (size_t at; (at = token.find(kSpace)) != std::string_view::npos;) {
        text += token.substr(0, at);
        text += ' ';
        token.remove_prefix(at + kSpace.size());
    }
    return text + std::string(token);
}

}  // namespace

TokenBytes::TokenBytes(const Tokenizer& tokenizer, int64_t vocab_size)
    : texts_(static_cast<size_t>(vocab_size)), names_(static_cast<size_t>(vocab_size)) {
    const bool byte_level =
        tokenizer.TokenToId("\u0120").has_value() && tokenizer.TokenToId("\u010a").has_value();
    const std::map<uint32_t, char> bytes = ByteOfCharacter();
    const int64_t known = std::min<int64_t>(vocab_size, tokenizer.vocabulary_size());
    for (int32_t id = 0; id < known; ++id) {
        const auto token = tokenizer.IdToToken(id);
        if (!token) continue;
        if (tokenizer.IsSpecial(id)) {
            names_[id] = *token;
        } else if (tokenizer.IsAdded(id)) {
            texts_[id] = *token;
        } else {
            texts_[id] =
                byte_level ? ByteLevelText(*token, bytes) : PieceText(*token, tokenizer.IsByte(id));
        }
    }
}

std::string TokenBytes::name(int32_t token) const {
    const std::string& special = names_[static_cast<size_t>(token)];
    return special.empty() ? texts_[static_cast<size_t>(token)] : special;
}

}  // namespace hone
