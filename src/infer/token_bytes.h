// The bytes that each token of a vocabulary stands for in a text.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "text/tokenizer.h"

namespace hone {

// Immutable and safe to use from many threads.
class TokenBytes {
  public:
    // Of the ids 0 to vocab_size - 1, of which the tokenizer need not know all. Byte-level
    // vocabularies spell a byte as GPT-2 does ("Ġ" is a space); others have "▁" for a space and
    // "<0x0A>" for a byte.
    TokenBytes(const Tokenizer& tokenizer, int64_t vocab_size);

    // Empty for special tokens, and for ids without a token.
    std::string_view text(int32_t token) const { return texts_[static_cast<size_t>(token)]; }
    // What a special token is called, else its text.
    std::string name(int32_t token) const;
    size_t size() const { return texts_.size(); }

  private:
    std::vector<std::string> texts_;
    std::vector<std::string> names_;  // of special tokens, else empty
};

}  // namespace hone
