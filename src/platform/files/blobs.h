// Bytes on disk under their SHA-256: DATA_DIR/blobs/ab/abcd.... Two files of the same bytes are one
// blob.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/files/hash.h"
#include "base/status.h"

namespace hone::platform {

struct StoredBlob {
    std::string sha256;
    int64_t bytes = 0;
    std::string path;
};

// Bytes on their way in, in DATA_DIR/incoming. They go with the object unless Blobs::Publish took
// them.
class BlobWriter {
  public:
    ~BlobWriter();
    BlobWriter(const BlobWriter&) = delete;
    BlobWriter& operator=(const BlobWriter&) = delete;
    absl::Status Append(std::string_view bytes);
    int64_t bytes() const { return bytes_; }
    const std::string& path() const { return path_; }  // for reading; until it is published

  private:
    friend class Blobs;
    BlobWriter(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}
    std::string path_;
    int fd_;
    int64_t bytes_ = 0;
    Sha256 hash_;
};

// A blob for reading.
class OpenBlob {
  public:
    ~OpenBlob();
    OpenBlob(const OpenBlob&) = delete;
    OpenBlob& operator=(const OpenBlob&) = delete;
    int fd() const { return fd_; }  // for pread and sendfile; the object's
    int64_t bytes() const { return bytes_; }
    // Up to `size` bytes from `offset` on; fewer at the end alone. From any thread.
    absl::StatusOr<std::string> Read(int64_t offset, size_t size) const;

  private:
    friend class Blobs;
    OpenBlob(int fd, int64_t bytes) : fd_(fd), bytes_(bytes) {}
    int fd_;
    int64_t bytes_;
};

class Blobs {
  public:
    static absl::StatusOr<std::unique_ptr<Blobs>> Open(const std::string& data_dir);
    // Removes what a killed process left in incoming/: for the one process that takes files in.
    void RemoveUnfinished();

    absl::StatusOr<std::unique_ptr<BlobWriter>> Create();
    // Syncs the bytes and gives them their name, then calls `keep`, which notes in the store that
    // they are used. A blob that nobody uses is not removed in between.
    absl::Status Publish(BlobWriter& writer,
                         const std::function<absl::Status(const StoredBlob&)>& keep);
    absl::StatusOr<std::unique_ptr<OpenBlob>> OpenForReading(const std::string& sha256) const;
    std::string PathOf(const std::string& sha256) const { return PathIn(data_dir_, sha256); }
    static std::string PathIn(const std::string& data_dir, const std::string& sha256);
    // The SHA-256 of every blob there is.
    std::vector<std::string> List() const;
    // Removes the blob where `used` says no.
    absl::Status RemoveIfUnused(const std::string& sha256,
                                const std::function<absl::StatusOr<bool>()>& used);

  private:
    explicit Blobs(std::string data_dir) : data_dir_(std::move(data_dir)) {}
    std::string data_dir_;
    std::mutex mutex_;  // between a blob's name and its row in the store
};

}  // namespace hone::platform
