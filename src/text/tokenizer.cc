#include "text/tokenizer.h"

#include "base/limits.h"
#include "text/gguf_tokenizer.h"
#include "text/rust_abi.h"

namespace hone {

struct Tokenizer::Handle {
    HoneTokenizer* tokenizer;
    ~Handle() { hone_tokenizer_free(tokenizer); }
};

Tokenizer::Tokenizer(std::unique_ptr<Handle> handle) : handle_(std::move(handle)) {}
Tokenizer::~Tokenizer() = default;

absl::StatusOr<std::shared_ptr<Tokenizer>> Tokenizer::FromJson(std::string_view json) {
    if (json.size() > kMaxHeaderBytes) {
        return ModelError("tokenizer.json has {} bytes, at most {} are allowed", json.size(),
                          kMaxHeaderBytes);
    }
    HoneTokenizer* tokenizer = nullptr;
    HoneError error{};
    if (!hone_tokenizer_from_json(rust::Data(json), json.size(), kMaxVocabulary, &tokenizer,
                                  &error)) {
        return rust::TakeError(error, ErrorKind::kModel, "tokenizer.json cannot be used");
    }
    std::unique_ptr<Handle> handle(new Handle{tokenizer});
    return std::shared_ptr<Tokenizer>(new Tokenizer(std::move(handle)));
}

absl::StatusOr<std::shared_ptr<Tokenizer>> Tokenizer::FromGguf(const GgufVocabulary& vocabulary) {
    HONE_ASSIGN_OR_RETURN(std::string json, TokenizerJsonFromGguf(vocabulary));
    auto tokenizer = FromJson(json);
    if (!tokenizer.ok()) return Annotate(tokenizer.status(), "the tokenizer of this vocabulary");
    return tokenizer;
}

absl::StatusOr<Tokenizer::Encoding> Tokenizer::EncodeWithOffsets(std::string_view text,
                                                                 bool add_special_tokens) const {
    HoneIds ids{};
    HoneError error{};
    if (!hone_tokenizer_encode(handle_->tokenizer, rust::Data(text), text.size(),
                               add_special_tokens, true, &ids, &error)) {
        return rust::TakeError(error, ErrorKind::kData, "the text cannot be tokenized");
    }
    Encoding encoding;
    encoding.ids.assign(ids.ids, ids.ids + ids.len);
    encoding.offsets.reserve(ids.len);
    for (size_t i = 0; i < ids.len; ++i)
        encoding.offsets.emplace_back(ids.offsets[2 * i], ids.offsets[2 * i + 1]);
    hone_ids_free(ids);
    return encoding;
}

absl::StatusOr<std::vector<int32_t>> Tokenizer::Encode(std::string_view text,
                                                       bool add_special_tokens) const {
    HoneIds ids{};
    HoneError error{};
    if (!hone_tokenizer_encode(handle_->tokenizer, rust::Data(text), text.size(),
                               add_special_tokens, false, &ids, &error)) {
        return rust::TakeError(error, ErrorKind::kData, "the text cannot be tokenized");
    }
    std::vector<int32_t> result(ids.ids, ids.ids + ids.len);
    hone_ids_free(ids);
    return result;
}

absl::StatusOr<std::string> Tokenizer::Decode(const std::vector<int32_t>& ids,
                                              bool skip_special_tokens) const {
    HoneBytes text{};
    HoneError error{};
    if (!hone_tokenizer_decode(handle_->tokenizer, ids.data(), ids.size(), skip_special_tokens,
                               &text, &error)) {
        return rust::TakeError(error, ErrorKind::kData, "the ids cannot be decoded");
    }
    return rust::Take(text);
}

std::optional<int32_t> Tokenizer::TokenToId(std::string_view token) const {
    const int64_t id =
        hone_tokenizer_token_to_id(handle_->tokenizer, rust::Data(token), token.size());
    if (id < 0) return std::nullopt;
    return static_cast<int32_t>(id);
}

std::optional<std::string> Tokenizer::IdToToken(int32_t id) const {
    HoneBytes token{};
    if (id < 0 ||
        !hone_tokenizer_id_to_token(handle_->tokenizer, static_cast<uint32_t>(id), &token)) {
        return std::nullopt;
    }
    return rust::Take(token);
}

bool Tokenizer::IsSpecial(int32_t id) const {
    return id >= 0 && hone_tokenizer_is_special(handle_->tokenizer, static_cast<uint32_t>(id));
}

bool Tokenizer::IsAdded(int32_t id) const {
    return id >= 0 && hone_tokenizer_is_added(handle_->tokenizer, static_cast<uint32_t>(id));
}

bool Tokenizer::IsByte(int32_t id) const {
    return id >= 0 && hone_tokenizer_is_byte(handle_->tokenizer, static_cast<uint32_t>(id));
}

int32_t Tokenizer::vocabulary_size() const {
    return static_cast<int32_t>(hone_tokenizer_size(handle_->tokenizer));
}

std::string Tokenizer::ToJson() const {
    HoneBytes json{};
    HoneError error{};
    const bool ok = hone_tokenizer_to_json(handle_->tokenizer, &json, &error);
    HONE_CHECK(ok, "a tokenizer that was read cannot be written: {}", rust::Take(error.text));
    return rust::Take(json);
}

}  // namespace hone
