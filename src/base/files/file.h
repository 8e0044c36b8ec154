// Files: read-only maps, whole reads with a limit, atomic writes, and faults on demand for tests.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/files/map_guard.h"
#include "base/status.h"

struct stat;

namespace hone {

// Whether there is something, a regular file or a folder at the path; false where that cannot be
// looked up.
bool Exists(const std::filesystem::path& path);
bool IsFile(const std::filesystem::path& path);
bool IsFolder(const std::filesystem::path& path);

// Opens a regular file for reading and returns its descriptor, which the caller closes. A folder, a
// named pipe or a device is an error; none is waited for.
absl::StatusOr<int> OpenRegularFile(const std::string& path);

// A read-only memory map of a whole file. An empty file maps to an empty span. If the file is cut
// while it is mapped, the lost part reads as zeros.
class MappedFile {
  public:
    static absl::StatusOr<std::shared_ptr<MappedFile>> Open(const std::string& path);
    ~MappedFile();
    MappedFile(const MappedFile&) = delete;
    MappedFile& operator=(const MappedFile&) = delete;

    std::span<const uint8_t> bytes() const { return {data_, size_}; }
    std::string_view text() const { return {reinterpret_cast<const char*>(data_), size_}; }
    const std::string& path() const { return path_; }
    // Tells the kernel that the pages will not be read again. They leave the resident set.
    void DropPages() const;
    // An error if a part could not be read. Bytes that were read may then be zeros in its place.
    absl::Status CheckReadable() const;
    // CheckReadable; and an error if the file at path() was written to or replaced since it was
    // opened. A file that was deleted is no error: the map keeps it.
    absl::Status CheckUnchanged() const;

  private:
    MappedFile(std::string path, const uint8_t* data, const struct stat& info);
    // Different for two files, and for two states of one file.
    struct State {
        uint64_t device, inode, size;
        int64_t seconds, nanoseconds;  // of the last write
        bool operator==(const State&) const = default;
    };
    static State StateOf(const struct stat& info);
    std::string path_;
    const uint8_t* data_;
    size_t size_;
    State opened_;
    MapGuard guard_;
};

// The whole file, or an error when it holds more than `limit` bytes.
absl::StatusOr<std::string> ReadFile(const std::string& path, size_t limit = size_t{1} << 30);

// Collects bytes in PATH.tmp-<pid>; Commit syncs it and renames it to PATH. Without Commit nothing
// remains.
class AtomicFile {
  public:
    static absl::StatusOr<std::unique_ptr<AtomicFile>> Create(const std::string& path);
    ~AtomicFile();
    AtomicFile(const AtomicFile&) = delete;
    AtomicFile& operator=(const AtomicFile&) = delete;

    absl::Status Write(std::span<const uint8_t> bytes);
    absl::Status Write(std::string_view text);
    absl::Status Commit();

  private:
    AtomicFile(std::string path, std::string temporary, int fd)
        : path_(std::move(path)), temporary_(std::move(temporary)), fd_(fd) {}
    std::string path_;
    std::string temporary_;
    int fd_;
};

absl::Status WriteFileAtomic(const std::string& path, std::string_view text);

// A file that grows at its end: logs. Made if it is not there.
class AppendFile {
  public:
    static absl::StatusOr<std::unique_ptr<AppendFile>> Open(const std::string& path);
    ~AppendFile();
    AppendFile(const AppendFile&) = delete;
    AppendFile& operator=(const AppendFile&) = delete;

    // All of it, or an error.
    absl::Status Append(std::string_view bytes);
    const std::string& path() const { return path_; }

  private:
    AppendFile(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}
    std::string path_;
    int fd_;
};

// rename(2) of a folder, and a sync of the one that holds it.
absl::Status RenameFolder(const std::string& from, const std::string& to);

// mkdir -p, with the reason when it fails.
absl::Status MakeDirectories(const std::string& path);

// Syncs a directory, so that the renames in it last through a power cut.
absl::Status SyncDirectory(const std::string& path);

// For tests: every write, sync, rename and creation first calls `fault` with the operation
// ("write", "sync", "rename", "create") and the path. If that returns an errno other than 0, the
// operation fails with it. nullptr: no faults.
using FileFault = std::function<int(std::string_view operation, const std::string& path)>;
void SetFileFault(FileFault fault);

}  // namespace hone
