// Numbers as they are stored, to float.
#pragma once

#include <cstdint>

#include "kernels/gguf_blocks/gguf_blocks.h"
#include "model/weights/weights.h"

namespace hone {

// `count` elements (a multiple of the type's block) from `bytes` into out (=); blocks as
// kernels/gguf_blocks unpacks them. Not for StorageType::kOther.
void Dequantize(StorageType type, const uint8_t* bytes, int64_t count, float* out);

// What unpacks blocks of that type, one of StorageBlockElements above 1.
template <typename T>
typename GgufBlockFunctions<T>::Unpack UnpackerOf(StorageType type);

}  // namespace hone
