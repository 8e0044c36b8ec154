// One file out of a ZIP archive (APPNOTE.TXT of PKWARE), stored or deflated, ZIP64 included.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/status.h"

namespace hone {

// Writes `member` of the archive to `target`, atomically; size and CRC-32 are checked. A member of
// more than `limit` bytes, an encrypted one and other methods of compression are errors of kind
// kModel.
absl::Status ExtractZipMember(std::span<const uint8_t> archive, std::string_view member,
                              const std::string& target, uint64_t limit);

}  // namespace hone
