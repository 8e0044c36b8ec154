#include "hub/zip_reader.h"

#include <zlib.h>

#include <algorithm>
#include <vector>

#include "base/files/file.h"
#include "base/files/zip_archive.h"

namespace hone {
namespace {

absl::StatusOr<ZipEntry> FindEntry(std::span<const uint8_t> archive, std::string_view name) {
    HONE_ASSIGN_OR_RETURN(const auto entries, ReadZipDirectory(archive));
    for (const ZipEntry& entry : entries)
        if (entry.name == name) return entry;
    return ModelError("the archive does not hold {}", name);
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
    HONE_ASSIGN_OR_RETURN(const ZipEntry entry, FindEntry(archive, member));
    if (entry.encrypted()) return ModelError("{} is encrypted", member);
    if (entry.method != ZipEntry::kStored && entry.method != ZipEntry::kDeflated)
        return ModelError("{} is packed by method {}; hone knows stored and deflated", member,
                          entry.method);
    if (entry.size > limit)
        return ModelError("{} has {} bytes, more than the limit of {}", member, entry.size, limit);
    HONE_ASSIGN_OR_RETURN(auto packed, PackedBytes(archive, entry));
    HONE_ASSIGN_OR_RETURN(auto file, AtomicFile::Create(target));
    uLong crc = crc32(0, nullptr, 0);
    HONE_RETURN_IF_ERROR(entry.method == ZipEntry::kStored
                             ? CopyStored(packed, entry.size, *file, crc)
                             : Inflater().Run(packed, entry.size, *file, crc));
    if (crc != entry.crc)
        return ModelError("{}: the checksum in the archive does not match its bytes", member);
    return file->Commit();
}

}  // namespace hone
