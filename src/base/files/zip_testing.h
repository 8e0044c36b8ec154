// For tests: ZIP archives in memory.
#pragma once

#include <zlib.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/files/test_files.h"

namespace hone::testkit {

inline std::string Deflated(std::string_view text) {
    z_stream stream{};
    HONE_CHECK(deflateInit2(&stream, 9, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY) == Z_OK);
    std::string out(deflateBound(&stream, text.size()), '\0');
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
    stream.avail_in = static_cast<uInt>(text.size());
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    HONE_CHECK(deflate(&stream, Z_FINISH) == Z_STREAM_END);
    out.resize(stream.total_out);
    deflateEnd(&stream);
    return out;
}

struct ZipMember {
    std::string name, content;
    bool deflate = true;
    bool zip64 = false;  // sizes and offset in the extra field
    uint16_t flags = 0;
    int method = -1;         // the true one
    int64_t size = -1;       // the true one
    uint32_t crc_error = 0;  // XORed into the checksum
};

inline std::string ZipOf(const std::vector<ZipMember>& members, bool zip64_end = false,
                         std::string_view comment = "") {
    std::string file, directory;
    for (const auto& member : members) {
        std::string packed = member.deflate ? Deflated(member.content) : member.content;
        auto method = static_cast<uint16_t>(member.method >= 0 ? member.method
                                            : member.deflate   ? 8
                                                               : 0);
        uint64_t size =
            member.size >= 0 ? static_cast<uint64_t>(member.size) : member.content.size();
        auto crc =
            static_cast<uint32_t>(crc32(0, reinterpret_cast<const Bytef*>(member.content.data()),
                                        static_cast<uInt>(member.content.size())));
        crc ^= member.crc_error;
        uint64_t offset = file.size();
        std::string common = Raw(member.flags) + Raw(method) + Raw<uint32_t>(0) + Raw(crc);
        auto sizes = [&](bool large) {
            return large ? Raw<uint32_t>(0xffffffff) + Raw<uint32_t>(0xffffffff)
                         : Raw(static_cast<uint32_t>(packed.size())) +
                               Raw(static_cast<uint32_t>(size));
        };
        auto name_bytes = static_cast<uint16_t>(member.name.size());
        file += Raw<uint32_t>(0x04034b50) + Raw<uint16_t>(20) + common + sizes(member.zip64) +
                Raw(name_bytes) + Raw<uint16_t>(0) + member.name + packed;
        std::string extra =
            Raw<uint16_t>(0x5455) + Raw<uint16_t>(1) + "x";  // a field of another kind first
        if (member.zip64)
            extra += Raw<uint16_t>(1) + Raw<uint16_t>(24) + Raw(size) +
                     Raw<uint64_t>(packed.size()) + Raw(offset);
        directory += Raw<uint32_t>(0x02014b50) + Raw<uint16_t>(20) + Raw<uint16_t>(20) + common +
                     sizes(member.zip64) + Raw(name_bytes) +
                     Raw(static_cast<uint16_t>(extra.size())) + Raw<uint16_t>(0) +
                     std::string(8, '\0') +
                     Raw(member.zip64 ? uint32_t{0xffffffff} : static_cast<uint32_t>(offset)) +
                     member.name + extra;
    }
    uint64_t offset = file.size(), count = members.size();
    file += directory;
    if (zip64_end) {
        uint64_t end64 = file.size();
        file += Raw<uint32_t>(0x06064b50) + Raw<uint64_t>(44) + std::string(12, '\0') + Raw(count) +
                Raw(count) + Raw<uint64_t>(directory.size()) + Raw(offset);
        file += Raw<uint32_t>(0x07064b50) + Raw<uint32_t>(0) + Raw(end64) + Raw<uint32_t>(1);
    }
    file += Raw<uint32_t>(0x06054b50) + Raw<uint32_t>(0) + Raw(static_cast<uint16_t>(count)) +
            Raw(static_cast<uint16_t>(count)) +
            (zip64_end ? Raw<uint64_t>(~uint64_t{0})
                       : Raw(static_cast<uint32_t>(directory.size())) +
                             Raw(static_cast<uint32_t>(offset))) +
            Raw(static_cast<uint16_t>(comment.size())) + std::string(comment);
    return file;
}

}  // namespace hone::testkit
