// Checks of fields that come from clients.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace hone::platform {

// UTF-8 of `least` to `most` characters (code points), none of them a control character.
absl::Status CheckText(std::string_view param, std::string_view text, size_t least, size_t most);

// One of the words; the refusal lists them.
absl::Status CheckOneOf(std::string_view param, std::string_view text,
                        const std::vector<std::string_view>& words);

// An id or name from a client for a message: at most 128 bytes, printable.
std::string ShownId(std::string_view id);

// At most 16 pairs, names of 1 to 64 characters, values of up to 512.
absl::Status CheckMetadata(const std::map<std::string, std::string>& metadata);

absl::Status CheckRange(std::string_view param, int64_t value, int64_t least, int64_t most);

}  // namespace hone::platform
