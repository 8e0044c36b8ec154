// Fuzzers: any bytes as a data file.
#pragma once

#include <string>

#include "base/files/memory_file.h"
#include "base/status.h"
#include "data/read/row_reader.h"

namespace hone {

// Bytes that one byte of gzip can unpack to, at most (zlib's manual says 1032).
inline constexpr size_t kDeflateRatio = 1032;

// Reads the bytes as a file of that format and gives every row that parses to `take`. Checks what
// holds for any input: rows have a place, bad rows have a reason, and the end comes.
template <typename Take>
void ReadBytes(const uint8_t* data, size_t size, FileFormat format, Take take) {
    const MemoryFile file(data, size);
    auto reader = RowReader::Open(file.path(), format, {});
    if (!reader.ok()) return;
    RawRow raw;
    for (size_t rows = 0;; ++rows) {
        HONE_CHECK(rows <= size * kDeflateRatio);  // every row takes a byte, of what was unpacked
        const auto any = (*reader)->Next(&raw);
        if (!any.ok() || !*any) break;
        HONE_CHECK(raw.line >= 1 && raw.column >= 1);
        nlohmann::ordered_json row;
        ParseProblem problem;
        if (!raw.error.empty()) continue;
        if ((*reader)->ParseRow(raw, &row, &problem)) {
            HONE_CHECK(row.is_object());
            take(row);
        } else {
            HONE_CHECK(!problem.reason.empty() && problem.line >= raw.line);
        }
    }
}

}  // namespace hone
