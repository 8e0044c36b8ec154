// Text to token ids and back, exactly as the model's own tokenizer does it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"

namespace hone {

// What a GGUF file says of its tokenizer ("tokenizer.ggml.*"); the strings are in the file's own
// spelling.
struct GgufVocabulary {
    std::string architecture;  // "general.architecture": "llama"; may be empty
    std::string model;         // "gpt2" (byte-level BPE) or "llama" (SentencePiece-style)
    std::string pre;           // "tokenizer.ggml.pre": which pre-tokenizer; may be empty
    std::vector<std::string> tokens;
    std::vector<float> scores;         // empty for BPE
    std::vector<int32_t> token_types;  // 1 normal, 2 unknown, 3 control, 4 user-defined, 6 byte
    std::vector<std::string> merges;   // "left right"
    std::optional<int32_t> bos_id, eos_id, unk_id, pad_id;
    std::optional<bool> add_bos, add_eos, add_space_prefix;
};

// Immutable and safe to use from many threads.
class Tokenizer {
  public:
    // From the text of a tokenizer.json.
    static absl::StatusOr<std::shared_ptr<Tokenizer>> FromJson(std::string_view json);
    static absl::StatusOr<std::shared_ptr<Tokenizer>> FromGguf(const GgufVocabulary& vocabulary);
    ~Tokenizer();

    // Special tokens spelled out in the text become their ids; with add_special_tokens the
    // post-processor adds BOS/EOS. Text that is not UTF-8 is an error.
    absl::StatusOr<std::vector<int32_t>> Encode(std::string_view text,
                                                bool add_special_tokens) const;
    // Also the [begin, end) byte range of the text that each token covers.
    struct Encoding {
        std::vector<int32_t> ids;
        std::vector<std::pair<size_t, size_t>> offsets;
    };
    absl::StatusOr<Encoding> EncodeWithOffsets(std::string_view text,
                                               bool add_special_tokens) const;
    // Ids outside the vocabulary are an error.
    absl::StatusOr<std::string> Decode(const std::vector<int32_t>& ids,
                                       bool skip_special_tokens) const;

    std::optional<int32_t> TokenToId(std::string_view token) const;
    std::optional<std::string> IdToToken(int32_t id) const;
    // Whether the id is a special token (BOS, EOS, <|im_end|>, ...), which Decode can leave out.
    bool IsSpecial(int32_t id) const;
    // Whether the id was added to the model's own tokens, special or not: it stands in a text as it
    // is written.
    bool IsAdded(int32_t id) const;
    // Whether the id stands for one byte of a character that the vocabulary lacks ("<0x0A>").
    bool IsByte(int32_t id) const;
    // Added tokens included.
    int32_t vocabulary_size() const;
    // The tokenizer.json text that makes this tokenizer again (also for one from GGUF).
    std::string ToJson() const;

  private:
    struct Handle;
    explicit Tokenizer(std::unique_ptr<Handle> handle);
    std::unique_ptr<Handle> handle_;
};

// Turns ids into text as they come: holds back bytes that are not whole UTF-8 characters yet. All
// pieces together are what Decode makes of all ids together.
class StreamDecoder {
  public:
    explicit StreamDecoder(std::shared_ptr<const Tokenizer> tokenizer,
                           bool skip_special_tokens = true)
        : tokenizer_(std::move(tokenizer)), skip_special_tokens_(skip_special_tokens) {}
    // The text that became certain with this id; may be empty. After an error the id counts as not
    // given.
    absl::StatusOr<std::string> Push(int32_t id);
    // What is still held back, at the end; then begins anew.
    absl::StatusOr<std::string> Finish();

  private:
    std::shared_ptr<const Tokenizer> tokenizer_;
    bool skip_special_tokens_;
    std::vector<int32_t> pending_;  // the context, then the ids whose text is not certain yet
    size_t context_ = 0;
    std::string emitted_;  // the context's text
};

}  // namespace hone
