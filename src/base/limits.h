// The limits on everything that is read from outside. Each is tested at the limit and one past it.
#pragma once

#include <cstddef>
#include <cstdint>

namespace hone {

inline constexpr size_t kMaxHeaderBytes =
    size_t{100} << 20;  // safetensors header, GGUF metadata, any JSON config
inline constexpr size_t kMaxTensors = 100'000;  // tensors in one model
inline constexpr size_t kMaxTensorRank = 8;     // dimensions of one tensor
inline constexpr int64_t kMaxTensorElements = int64_t{1} << 40;
inline constexpr size_t kMaxNameBytes = 1024;                 // a tensor or metadata name
inline constexpr size_t kMaxJsonDepth = 128;                  // nesting of any JSON from outside
inline constexpr size_t kMaxParquetDepth = 128;               // groups within groups of a schema
inline constexpr size_t kMaxLineBytes = size_t{64} << 20;     // one row of a data file
inline constexpr size_t kMaxVocabulary = size_t{4} << 20;     // tokens of one tokenizer
inline constexpr size_t kMaxTemplateBytes = size_t{1} << 20;  // a chat template
inline constexpr size_t kMaxZipEntries = 200'000;             // files in one ZIP archive
inline constexpr size_t kMaxPickleValues = size_t{1}
                                           << 21;  // values in one pickle, and on its stack
inline constexpr int kMaxLoraRank = 4096;
inline constexpr size_t kMaxLabels = 65'536;  // classes of one classifier

}  // namespace hone
