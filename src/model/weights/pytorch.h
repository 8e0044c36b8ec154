// What torch.save writes from PyTorch 1.6 on: a ZIP archive with a pickle that describes the
// tensors (NAME/data.pkl) and one entry for the bytes of each storage (NAME/data/KEY), none of them
// compressed. Nothing of the pickle is run: see model/weights/pickle.h.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "model/weights/weights.h"

namespace hone {

// Checks a whole file: archive, checksum of the pickle, names, types, shapes, and that each tensor
// lies in its storage. Tensors that share a storage (tied weights) share its bytes, and a tensor
// that does not lie in the order of its shape has strides. `path` is for messages. Element types
// other than F32, F16 and BF16 are listed as StorageType::kOther.
absl::StatusOr<std::vector<StoredTensor>> ParsePytorch(std::span<const uint8_t> bytes,
                                                       std::string_view path);

}  // namespace hone
