// The tokenizer.json that a GGUF file's vocabulary stands for.
#pragma once

#include <string>

#include "base/status.h"
#include "text/tokenizer.h"

namespace hone {

// For byte-level BPE ("gpt2") `pre` names how the text is split. SentencePiece-style BPE ("llama")
// gets the merges that its scores imply. Control and unknown tokens, BOS and EOS become special
// added tokens, and user-defined ones plain added tokens. A ModelError names the field that is
// wrong, or the kind of tokenizer that is not known.
absl::StatusOr<std::string> TokenizerJsonFromGguf(const GgufVocabulary& vocabulary);

// Whether that tokenizer's token `id`, one of vocabulary.tokens, is special.
bool IsSpecialInGguf(const GgufVocabulary& vocabulary, size_t id);

}  // namespace hone
