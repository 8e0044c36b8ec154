// JSON from outside, with limits: size, nesting, duplicate keys; errors of kind kModel with file,
// line and column.
#pragma once

#include <string>
#include <string_view>

#include "base/limits.h"
#include "base/status.h"
#include "nlohmann/json.hpp"

namespace hone {

// Parses `text`; `what` names it in messages. Refuses nesting past kMaxJsonDepth and a key that
// comes twice in one object. Json: nlohmann::json for large objects (keys sorted),
// nlohmann::ordered_json to keep the file's order (at most kMaxOrderedKeys keys in one object,
// since it looks keys up one by one).
inline constexpr size_t kMaxOrderedKeys = 10'000;
template <typename Json>
absl::StatusOr<Json> ParseJson(std::string_view text, std::string_view what);

// The file, of at most `limit` bytes; one that is a Git LFS pointer is an error that says so.
absl::StatusOr<std::string> ReadModelText(const std::string& path, size_t limit);

// The file's JSON object; anything else at the top is an error.
absl::StatusOr<nlohmann::ordered_json> ReadJsonObject(const std::string& path,
                                                      size_t limit = size_t{16} << 20);

}  // namespace hone
