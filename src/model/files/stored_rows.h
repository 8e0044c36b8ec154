// Rows of a tensor as its file holds them, for weights that stay in the file's own blocks.
#pragma once

#include <cstdint>

#include "model/files/model_tensors.h"

namespace hone {

// Whether the file holds the matrix in GGUF's blocks, each row of it in blocks of its own.
bool HeldInBlocks(const ModelFiles& files, const ModelTensor& tensor);

// Rows [begin, end), in Hugging Face's order, side by side into `out` (=). Of a tensor that is
// HeldInBlocks.
void CopyStoredRows(const ModelFiles& files, const ModelTensor& tensor, int64_t begin, int64_t end,
                    uint8_t* out);

}  // namespace hone
