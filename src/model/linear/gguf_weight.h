// The frozen weights of a linear group in the blocks of their GGUF file, unpacked in scratch for
// each product (kernels/gguf_blocks). What products see are the numbers that reading the file
// gives, rounded to T.
#pragma once

#include <memory>
#include <vector>

#include "model/linear/frozen_weight.h"

namespace hone {

// stored: as MakeFrozenWeight takes it; at least one is a type of blocks. Members that are not in
// blocks are held as T.
template <typename T>
std::unique_ptr<FrozenWeight<T>> MakeGgufWeight(int64_t in, const std::vector<int64_t>& outs,
                                                const std::vector<StorageType>& stored);

}  // namespace hone
