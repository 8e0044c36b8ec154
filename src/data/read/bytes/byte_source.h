// The bytes of a file in pieces, unpacked where the file is gzip.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "base/status.h"

namespace hone {

// Reads forward only; holds two buffers of fixed size whatever the size of the file.
class ByteSource {
  public:
    // Gzip is recognised by its magic bytes (RFC 1952), not by the name.
    static absl::StatusOr<std::unique_ptr<ByteSource>> Open(const std::string& path);
    ~ByteSource();
    ByteSource(const ByteSource&) = delete;
    ByteSource& operator=(const ByteSource&) = delete;

    // The next piece, valid until the next call; empty at the end. Damaged or cut off gzip is a
    // data error.
    absl::StatusOr<std::string_view> Next();
    bool gzip() const { return inflater_ != nullptr; }

  private:
    struct Inflater;
    ByteSource(std::string path, int fd);
    // Fills input_ from the file; 0 at its end.
    absl::StatusOr<size_t> Fill();
    absl::StatusOr<std::string_view> Inflate();

    std::string path_;
    int fd_;
    std::unique_ptr<char[]> input_;
    size_t pending_ = 0;  // bytes that Open read to see the magic
    std::unique_ptr<Inflater> inflater_;
};

}  // namespace hone
