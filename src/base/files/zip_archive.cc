#include "base/files/zip_archive.h"

#include <algorithm>
#include <cstring>

#include "base/limits.h"

namespace hone {
namespace {

// A little-endian number at `at`; the caller has checked that it lies in the archive.
template <typename T>
T Load(std::span<const uint8_t> bytes, size_t at) {
    T value;
    std::memcpy(&value, bytes.data() + at, sizeof value);
    return value;
}

constexpr size_t kEndBytes = 22, kEnd64LocatorBytes = 20, kEnd64Bytes = 56;
constexpr size_t kEntryBytes = 46, kLocalBytes = 30;

// The bytes of the directory: they lie before the record that ends the archive.
absl::StatusOr<std::span<const uint8_t>> FindDirectory(std::span<const uint8_t> archive) {
    constexpr size_t kMaxComment = 65535;
    if (archive.size() < kEndBytes) return ModelError("too short for a ZIP archive");
    size_t lowest = archive.size() - std::min(archive.size(), kEndBytes + kMaxComment);
    for (size_t at = archive.size() - kEndBytes + 1; at-- > lowest;) {
        if (Load<uint32_t>(archive, at) != 0x06054b50) continue;
        uint64_t offset = Load<uint32_t>(archive, at + 16), size = Load<uint32_t>(archive, at + 12);
        bool large = offset == 0xffffffff || size == 0xffffffff;
        if (large && at >= kEnd64LocatorBytes &&
            Load<uint32_t>(archive, at - kEnd64LocatorBytes) == 0x07064b50) {
            uint64_t end64 = Load<uint64_t>(archive, at - kEnd64LocatorBytes + 8);
            if (archive.size() < kEnd64Bytes || end64 > archive.size() - kEnd64Bytes ||
                Load<uint32_t>(archive, end64) != 0x06064b50)
                return ModelError("a damaged ZIP64 archive");
            offset = Load<uint64_t>(archive, end64 + 48);
            size = Load<uint64_t>(archive, end64 + 40);
        }
        if (offset > at || size > at - offset)
            return ModelError("a damaged ZIP archive: its directory lies outside");
        return archive.subspan(offset, size);
    }
    return ModelError("no ZIP archive, or one that is cut short");
}

// The ZIP64 extra field holds, in this order, those of the three numbers that did not fit in 32
// bits.
bool ReadZip64(std::span<const uint8_t> extra, ZipEntry& entry) {
    for (size_t at = 0; at + 4 <= extra.size();) {
        uint16_t id = Load<uint16_t>(extra, at), size = Load<uint16_t>(extra, at + 2);
        at += 4;
        if (size > extra.size() - at) return false;
        if (id == 1) {
            size_t field = at, end = at + size;
            for (uint64_t* number : {&entry.size, &entry.packed_size, &entry.header_offset}) {
                if (*number != 0xffffffff) continue;
                if (field + 8 > end) return false;
                *number = Load<uint64_t>(extra, field);
                field += 8;
            }
        }
        at += size;
    }
    return true;
}

}  // namespace

absl::StatusOr<std::vector<ZipEntry>> ReadZipDirectory(std::span<const uint8_t> archive) {
    HONE_ASSIGN_OR_RETURN(auto directory, FindDirectory(archive));
    std::vector<ZipEntry> entries;
    for (size_t at = 0; at + kEntryBytes <= directory.size();) {
        if (Load<uint32_t>(directory, at) != 0x02014b50)
            return ModelError("a damaged ZIP archive: its directory is broken");
        if (entries.size() == kMaxZipEntries)
            return ModelError("a ZIP archive of more than the limit of {} entries", kMaxZipEntries);
        size_t name_bytes = Load<uint16_t>(directory, at + 28),
               extra_bytes = Load<uint16_t>(directory, at + 30),
               comment_bytes = Load<uint16_t>(directory, at + 32);
        if (name_bytes + extra_bytes + comment_bytes > directory.size() - at - kEntryBytes)
            return ModelError("a damaged ZIP archive: its directory is cut short");
        ZipEntry entry;
        entry.name = {reinterpret_cast<const char*>(directory.data()) + at + kEntryBytes,
                      name_bytes};
        entry.flags = Load<uint16_t>(directory, at + 8);
        entry.method = Load<uint16_t>(directory, at + 10);
        entry.crc = Load<uint32_t>(directory, at + 16);
        entry.packed_size = Load<uint32_t>(directory, at + 20);
        entry.size = Load<uint32_t>(directory, at + 24);
        entry.header_offset = Load<uint32_t>(directory, at + 42);
        if (!ReadZip64(directory.subspan(at + kEntryBytes + name_bytes, extra_bytes), entry))
            return ModelError("a damaged ZIP archive: the entry of {} is broken", entry.name);
        entries.push_back(entry);
        at += kEntryBytes + name_bytes + extra_bytes + comment_bytes;
    }
    return entries;
}

absl::StatusOr<std::span<const uint8_t>> PackedBytes(std::span<const uint8_t> archive,
                                                     const ZipEntry& entry) {
    uint64_t at = entry.header_offset;
    if (archive.size() < kLocalBytes || at > archive.size() - kLocalBytes ||
        Load<uint32_t>(archive, at) != 0x04034b50)
        return ModelError("a damaged ZIP archive: an entry points nowhere");
    uint64_t start =
        at + kLocalBytes + Load<uint16_t>(archive, at + 26) + Load<uint16_t>(archive, at + 28);
    if (start > archive.size() || entry.packed_size > archive.size() - start)
        return ModelError("the archive is cut short");
    return archive.subspan(start, entry.packed_size);
}

}  // namespace hone
