// Characters and lines of a text file, as UTF-8 with LF whatever the file has, with a limit on
// the length of a line.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "data/read/bytes/byte_source.h"
#include "data/read/bytes/text_encoding.h"

namespace hone {

// Bytes that are looked at one at a time, and their place.
class CharScanner {
  public:
    static absl::StatusOr<std::unique_ptr<CharScanner>> Open(const std::string& path,
                                                             TextForm form = {});

    // The bytes at hand, without their copy; empty at the end of the file. Take moves past the
    // first `count` of them.
    absl::StatusOr<std::string_view> Peek();
    void Take(size_t count);

    // Place of the next byte, from 1; columns are bytes.
    int64_t line() const { return line_; }
    int64_t column() const { return column_; }
    const std::string& path() const { return path_; }
    // What is unusual about the file, as sentences.
    std::vector<std::string> notes() const;

  private:
    CharScanner(std::string path, std::unique_ptr<ByteSource> source, TextForm form)
        : path_(std::move(path)), source_(std::move(source)), decoder_(form) {}

    std::string path_;
    std::unique_ptr<ByteSource> source_;
    TextDecoder decoder_;
    std::string_view piece_;
    int64_t line_ = 1;
    int64_t column_ = 1;
};

// Reads up to and without the next '\n' (or "\r\n") into *text. False at the end of the file. A
// line of more than kMaxLineBytes comes back with *too_long set and *text empty; it is skipped, not
// held.
absl::StatusOr<bool> NextLine(CharScanner& scanner, std::string* text, bool* too_long);

}  // namespace hone
