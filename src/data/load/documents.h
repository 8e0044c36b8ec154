// The documents of one row: how long they are, and what is left of them when they are cut.
#pragma once

#include <cstdint>
#include <string>

#include "tensor/batch.h"

namespace hone {

// The tokens of the row's longest document.
int64_t LongestDocument(const Example& example);

// Tokens with a weight that can be predicted: those that train.
int64_t LabelTokens(const Example& example);

// Leaves each document its first max_tokens tokens. Returns why nothing can be learned from the row
// then, or "": a document without a token that trains, two that are the same.
std::string CutDocuments(Example& example, int64_t max_tokens);

}  // namespace hone
