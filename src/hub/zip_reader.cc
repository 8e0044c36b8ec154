#include "hub/zip_reader.h"

#include <zlib.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <vector>

#include "base/file.h"

namespace hone {
namespace {

// A little-endian number at `at`; the caller has checked that it lies in the archive.
template <typename T>
T Load(std::span<const uint8_t> bytes, size_t at) {
    T value;
    std::memcpy(&value, bytes.data() + at, sizeof value);
    return value;
}

struct Directory {
    uint64_t offset = 0, size = 0;
};

struct Member {
    uint16_t flags = 0, method = 0;
    uint32_t crc = 0;
    uint64_t packed_size = 0, size = 0, header_offset = 0;
};

constexpr size_t kEndBytes = 22, kEnd64LocatorBytes = 20, kEnd64Bytes = 56;
constexpr size_t kEntryBytes = 46, kLocalBytes = 30;

absl::StatusOr<Directory> FindDirectory(std::span<const uint8_t> archive) {
    constexpr size_t kMaxComment = 65535;
    if (archive.size() < kEndBytes) return ModelError("too short for a ZIP archive");
    size_t lowest = archive.size() - std::min(archive.size(), kEndBytes + kMaxComment);
    for (size_t at = archive.size() - kEndBytes + 1; at-- > lowest;) {
        if (Load<uint32_t>(archive, at) != 0x06054b50) continue;
        Directory directory{Load<uint32_t>(archive, at + 16), Load<uint32_t>(archive, at + 12)};
        bool large = directory.offset == 0xffffffff || directory.size == 0xffffffff;
        if (large && at >= kEnd64LocatorBytes &&
            Load<uint32_t>(archive, at - kEnd64LocatorBytes) == 0x07064b50) {
            uint64_t end64 = Load<uint64_t>(archive, at - kEnd64LocatorBytes + 8);
            if (archive.size() < kEnd64Bytes || end64 > archive.size() - kEnd64Bytes ||
                Load<uint32_t>(archive, end64) != 0x06064b50)
                return ModelError("a damaged ZIP64 archive");
            directory = {Load<uint64_t>(archive, end64 + 48), Load<uint64_t>(archive, end64 + 40)};
        }
        if (directory.offset > at || directory.size > at - directory.offset)
            return ModelError("a damaged ZIP archive: its directory lies outside");
        return directory;
    }
    return ModelError("no ZIP archive, or one that is cut short");
}

// The ZIP64 extra field holds, in this order, those of the three numbers that did not fit in 32
// bits.
bool ReadZip64(std::span<const uint8_t> extra, Member& member) {
    for (size_t at = 0; at + 4 <= extra.size();) {
        uint16_t id = Load<uint16_t>(extra, at), size = Load<uint16_t>(extra, at + 2);
        at += 4;
        if (size > extra.size() - at) return false;
        if (id == 1) {
            size_t field = at, end = at + size;
            for (uint64_t* number : {&member.size, &member.packed_size, &member.header_offset}) {
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

absl::StatusOr<Member> FindMember(std::span<const uint8_t> archive, std::string_view name) {
    HONE_ASSIGN_OR_RETURN(Directory directory, FindDirectory(archive));
    auto entries = archive.subspan(directory.offset, directory.size);
    for (size_t at = 0; at + kEntryBytes <= entries.size();) {
        if (Load<uint32_t>(entries, at) != 0x02014b50)
            return ModelError("a damaged ZIP archive: its directory is broken");
        size_t name_bytes = Load<uint16_t>(entries, at + 28),
               extra_bytes = Load<uint16_t>(entries, at + 30);
        size_t comment_bytes = Load<uint16_t>(entries, at + 32);
        if (name_bytes + extra_bytes + comment_bytes > entries.size() - at - kEntryBytes)
            return ModelError("a damaged ZIP archive: its directory is cut short");
        std::string_view entry(reinterpret_cast<const char*>(entries.data()) + at + kEntryBytes,
                               name_bytes);
        if (entry == name) {
            Member member{Load<uint16_t>(entries, at + 8),  Load<uint16_t>(entries, at + 10),
                          Load<uint32_t>(entries, at + 16), Load<uint32_t>(entries, at + 20),
                          Load<uint32_t>(entries, at + 24), Load<uint32_t>(entries, at + 42)};
            if (!ReadZip64(entries.subspan(at + kEntryBytes + name_bytes, extra_bytes), member))
                return ModelError("a damaged ZIP archive: the entry of {} is broken", name);
            return member;
        }
        at += kEntryBytes + name_bytes + extra_bytes + comment_bytes;
    }
    return ModelError("the archive does not hold {}", name);
}

absl::StatusOr<std::span<const uint8_t>> PackedBytes(std::span<const uint8_t> archive,
                                                     const Member& member) {
    uint64_t at = member.header_offset;
    if (archive.size() < kLocalBytes || at > archive.size() - kLocalBytes ||
        Load<uint32_t>(archive, at) != 0x04034b50)
        return ModelError("a damaged ZIP archive: an entry points nowhere");
    uint64_t start =
        at + kLocalBytes + Load<uint16_t>(archive, at + 26) + Load<uint16_t>(archive, at + 28);
    if (start > archive.size() || member.packed_size > archive.size() - start)
        return ModelError("the archive is cut short");
    return archive.subspan(start, member.packed_size);
}

// Raw deflate (RFC 1951) from `packed` into `file`, in pieces.
class Inflater {
  public:
    Inflater() { HONE_CHECK(inflateInit2(&stream_, -MAX_WBITS) == Z_OK); }
    ~Inflater() { inflateEnd(&stream_); }

    absl::Status Run(std::span<const uint8_t> packed, uint64_t size, AtomicFile& file, uLong& crc) {
        std::vector<uint8_t> buffer(size_t{1} << 20);
        uint64_t done = 0;
        int result = Z_OK;
        size_t fed = 0;
        while (result != Z_STREAM_END) {
            if (stream_.avail_in == 0 && fed < packed.size()) {
                size_t piece = std::min(packed.size() - fed, size_t{1} << 30);
                stream_.next_in = const_cast<Bytef*>(packed.data() + fed);
                stream_.avail_in = static_cast<uInt>(piece);
                fed += piece;
            }
            stream_.next_out = buffer.data();
            stream_.avail_out = static_cast<uInt>(buffer.size());
            result = inflate(&stream_, Z_NO_FLUSH);
            if (result != Z_OK && result != Z_STREAM_END)
                return ModelError("the archive's compressed data is damaged");
            size_t got = buffer.size() - stream_.avail_out;
            done += got;
            if (done > size) return ModelError("an entry of the archive is larger than it says");
            crc = crc32(crc, buffer.data(), static_cast<uInt>(got));
            HONE_RETURN_IF_ERROR(file.Write(std::span(buffer.data(), got)));
        }
        if (done != size) return ModelError("an entry of the archive is smaller than it says");
        return absl::OkStatus();
    }

  private:
    z_stream stream_{};
};

absl::Status CopyStored(std::span<const uint8_t> packed, uint64_t size, AtomicFile& file,
                        uLong& crc) {
    if (packed.size() != size) return ModelError("an entry of the archive has two sizes");
    constexpr size_t kPiece = size_t{1} << 20;
    for (size_t at = 0; at < packed.size(); at += kPiece) {
        auto piece = packed.subspan(at, std::min(kPiece, packed.size() - at));
        crc = crc32(crc, piece.data(), static_cast<uInt>(piece.size()));
        HONE_RETURN_IF_ERROR(file.Write(piece));
    }
    return absl::OkStatus();
}

}  // namespace

absl::Status ExtractZipMember(std::span<const uint8_t> archive, std::string_view member,
                              const std::string& target, uint64_t limit) {
    constexpr uint16_t kEncrypted = 1, kStored = 0, kDeflated = 8;
    HONE_ASSIGN_OR_RETURN(Member entry, FindMember(archive, member));
    if ((entry.flags & kEncrypted) != 0) return ModelError("{} is encrypted", member);
    if (entry.method != kStored && entry.method != kDeflated)
        return ModelError("{} is packed by method {}; hone knows stored and deflated", member,
                          entry.method);
    if (entry.size > limit)
        return ModelError("{} has {} bytes, more than the limit of {}", member, entry.size, limit);
    HONE_ASSIGN_OR_RETURN(auto packed, PackedBytes(archive, entry));
    HONE_ASSIGN_OR_RETURN(auto file, AtomicFile::Create(target));
    uLong crc = crc32(0, nullptr, 0);
    HONE_RETURN_IF_ERROR(entry.method == kStored ? CopyStored(packed, entry.size, *file, crc)
                                                 : Inflater().Run(packed, entry.size, *file, crc));
    if (crc != entry.crc)
        return ModelError("{}: the checksum in the archive does not match its bytes", member);
    return file->Commit();
}

}  // namespace hone
