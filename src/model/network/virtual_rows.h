// Virtual tokens (Model::AddVirtualTokens) in the rows of a pass: ahead of each document, and out
// again.
#pragma once

#include <cstdint>
#include <vector>

#include "tensor/batch.h"

namespace hone {

// Appends `count` virtual tokens (EmbeddingBlock) of a document that begins, at its first
// positions, and to `first_rows` where they begin. The document's own tokens, and its end, are to
// follow.
void AppendVirtualTokens(int64_t count, Batch& batch, std::vector<int32_t>& first_rows);

// Tokens, positions and documents of the batch with `count` virtual tokens ahead of each document;
// it has nothing else. first_rows (=): where those of each document begin.
Batch WithVirtualTokens(const Batch& batch, int64_t count, std::vector<int32_t>& first_rows);

// x [D * count + T, C] of such a batch becomes [T, C], in place: the rows of the batch's own
// tokens.
template <typename Element>
void KeepOwnRows(const Batch& batch, int64_t count, int64_t C, Element* x);

// The opposite, in place: the rows of virtual tokens become zero.
template <typename Element>
void SpreadOwnRows(const Batch& batch, int64_t count, int64_t C, Element* x);

}  // namespace hone
