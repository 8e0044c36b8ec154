// What a GGUF file says of its tokenizer, checked: the values under "tokenizer.ggml." of its
// metadata, and the long lists beside it.
#pragma once

#include <string_view>

#include "base/status.h"
#include "model/weights/gguf.h"
#include "text/tokenizer.h"

namespace hone {

// Errors of kind kModel, which begin with `path`: lists of different lengths, an id that no token
// has, a value of the wrong type. Without tokens (a file with no tokenizer) nothing more is looked
// at.
absl::StatusOr<GgufVocabulary> ReadGgufVocabulary(const nlohmann::ordered_json& metadata,
                                                  const GgufTokenLists& lists,
                                                  std::string_view path);

}  // namespace hone
