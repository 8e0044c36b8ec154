// Lines of a ByteSource, with the checks that every text format shares: byte order marks and
// length.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/status.h"
#include "data/read/byte_source.h"

namespace hone {

// A byte that is looked at one at a time, and its place. The BOM of UTF-8 is skipped.
class CharScanner {
  public:
    static absl::StatusOr<std::unique_ptr<CharScanner>> Open(const std::string& path);

    // The bytes at hand, without their copy; empty at the end of the file. Take moves past the
    // first `count` of them.
    absl::StatusOr<std::string_view> Peek();
    void Take(size_t count);

    // Place of the next byte, from 1; columns are bytes.
    int64_t line() const { return line_; }
    int64_t column() const { return column_; }
    const std::string& path() const { return path_; }

  private:
    CharScanner(std::string path, std::unique_ptr<ByteSource> source)
        : path_(std::move(path)), source_(std::move(source)) {}

    std::string path_;
    std::unique_ptr<ByteSource> source_;
    std::string_view piece_;
    int64_t line_ = 1;
    int64_t column_ = 1;
};

// Reads up to and without the next '\n' (or "\r\n") into *text. False at the end of the file. A
// line of more than kMaxLineBytes comes back with *too_long set and *text empty; it is skipped, not
// held.
absl::StatusOr<bool> NextLine(CharScanner& scanner, std::string* text, bool* too_long);

// Where the first byte is that is not UTF-8 (RFC 3629), or npos.
size_t FindInvalidUtf8(std::string_view text);

}  // namespace hone
