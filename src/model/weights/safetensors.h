// The safetensors format (https://github.com/huggingface/safetensors#format): 8 bytes of header
// length, little endian; a JSON header {"name": {"dtype", "shape", "data_offsets": [begin, end]},
// "__metadata__": {...}}; the bytes, without holes.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "model/weights/weights.h"

namespace hone {

struct SafetensorsContents {
    std::vector<StoredTensor> tensors;  // in the order of their bytes; spans of the parsed bytes
    std::map<std::string, std::string> metadata;  // "__metadata__"
};

// Checks a whole file: header length, JSON, names, dtypes, shapes, offsets without overlap or gaps,
// sizes. `path` is for messages. Element types other than F32, F16 and BF16 are listed as
// StorageType::kOther.
absl::StatusOr<SafetensorsContents> ParseSafetensors(std::span<const uint8_t> bytes,
                                                     std::string_view path);

}  // namespace hone
