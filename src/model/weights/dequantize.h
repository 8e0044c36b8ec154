// Numbers as they are stored, to float.
#pragma once

#include <cstdint>

#include "model/weights/weights.h"

namespace hone {

// `count` elements (a multiple of the type's block) from `bytes` into out (=). The arithmetic is
// that of ggml's reference dequantize_row_* functions, operation by operation, so the floats are
// the same bits. Not for StorageType::kOther.
void Dequantize(StorageType type, const uint8_t* bytes, int64_t count, float* out);

}  // namespace hone
