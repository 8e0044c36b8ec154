// The directory of a ZIP archive (APPNOTE.TXT of PKWARE), ZIP64 included. Nothing is unpacked here.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace hone {

struct ZipEntry {
    static constexpr uint16_t kStored = 0, kDeflated = 8;  // values of `method`

    std::string_view name;  // lies in the archive's bytes
    uint16_t flags = 0, method = 0;
    uint32_t crc = 0;  // CRC-32 of the unpacked bytes
    uint64_t packed_size = 0, size = 0, header_offset = 0;

    bool encrypted() const { return (flags & 1) != 0; }
};

// Every entry, in the directory's order. Errors are of kind kModel: no archive, a damaged one, or
// more than kMaxZipEntries of base/limits.h. Names may come twice and sizes may lie: PackedBytes
// checks those of one entry.
absl::StatusOr<std::vector<ZipEntry>> ReadZipDirectory(std::span<const uint8_t> archive);

// The entry's bytes as they lie in the archive.
absl::StatusOr<std::span<const uint8_t>> PackedBytes(std::span<const uint8_t> archive,
                                                     const ZipEntry& entry);

}  // namespace hone
