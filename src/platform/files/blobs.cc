#include "platform/files/blobs.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "base/files/file.h"
#include "base/log.h"
#include "platform/api/refusal.h"
#include "platform/store/ids.h"

namespace hone::platform {
namespace {

// The reason goes to the log, with the path; the client hears no path.
absl::Status DiskError(const char* what, const std::string& path, int error) {
    spdlog::error("cannot {} {}: {}", what, path, std::strerror(error));
    if (error == ENOSPC || error == EDQUOT)
        return Refuse({RefusalKind::kUnavailable, "", "disk_full"},
                      "The server's disk is full: nothing was stored.");
    return Refuse({RefusalKind::kInternal, "", "disk_failed"},
                  "The server's disk failed; its log says why.");
}

}  // namespace

BlobWriter::~BlobWriter() {
    if (fd_ >= 0) close(fd_);
    if (!path_.empty()) unlink(path_.c_str());
}

absl::Status BlobWriter::Append(std::string_view bytes) {
    hash_.Update(bytes);
    bytes_ += static_cast<int64_t>(bytes.size());
    while (!bytes.empty()) {
        const ssize_t written = write(fd_, bytes.data(), bytes.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return DiskError("write", path_, errno);
        bytes.remove_prefix(static_cast<size_t>(written));
    }
    return absl::OkStatus();
}

OpenBlob::~OpenBlob() { close(fd_); }

absl::StatusOr<std::string> OpenBlob::Read(int64_t offset, size_t size) const {
    std::string bytes(size, '\0');
    size_t done = 0;
    while (done < size) {
        const ssize_t got =
            pread(fd_, bytes.data() + done, size - done, offset + static_cast<off_t>(done));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return DiskError("read", "a blob", errno);
        if (got == 0) break;
        done += static_cast<size_t>(got);
    }
    bytes.resize(done);
    return bytes;
}

absl::StatusOr<std::unique_ptr<Blobs>> Blobs::Open(const std::string& data_dir) {
    HONE_RETURN_IF_ERROR(MakeDirectories(data_dir + "/incoming"));
    HONE_RETURN_IF_ERROR(MakeDirectories(data_dir + "/blobs"));
    return std::unique_ptr<Blobs>(new Blobs(data_dir));
}

void Blobs::RemoveUnfinished() {
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(data_dir_ + "/incoming", error))
        std::filesystem::remove(entry.path(), error);
}

absl::StatusOr<std::unique_ptr<BlobWriter>> Blobs::Create() {
    const std::string path = data_dir_ + "/incoming/" + RandomName(24);
    const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) return DiskError("make", path, errno);
    return std::unique_ptr<BlobWriter>(new BlobWriter(path, fd));
}

std::string Blobs::PathIn(const std::string& data_dir, const std::string& sha256) {
    return fmt::format("{}/blobs/{}/{}", data_dir, sha256.substr(0, 2), sha256);
}

absl::Status Blobs::Publish(BlobWriter& writer,
                            const std::function<absl::Status(const StoredBlob&)>& keep) {
    const std::string sha256 = writer.hash_.Finish();
    const StoredBlob blob{sha256, writer.bytes_, PathOf(sha256)};
    if (fsync(writer.fd_) != 0) return DiskError("sync", writer.path_, errno);
    const std::lock_guard lock(mutex_);
    struct stat there;
    if (stat(blob.path.c_str(), &there) != 0 || there.st_size != blob.bytes) {
        const std::string folder = std::filesystem::path(blob.path).parent_path();
        HONE_RETURN_IF_ERROR(MakeDirectories(folder));
        if (rename(writer.path_.c_str(), blob.path.c_str()) != 0)
            return DiskError("rename", writer.path_, errno);
        writer.path_.clear();
        HONE_RETURN_IF_ERROR(SyncDirectory(folder));
        HONE_RETURN_IF_ERROR(SyncDirectory(data_dir_ + "/blobs"));
    }
    return keep(blob);
}

absl::StatusOr<std::unique_ptr<OpenBlob>> Blobs::OpenForReading(const std::string& sha256) const {
    const std::string path = PathOf(sha256);
    const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return DiskError("open", path, errno);
    struct stat info;
    if (fstat(fd, &info) != 0) {
        const int error = errno;
        close(fd);
        return DiskError("look at", path, error);
    }
    return std::unique_ptr<OpenBlob>(new OpenBlob(fd, info.st_size));
}

std::vector<std::string> Blobs::List() const {
    std::vector<std::string> names;
    std::error_code error;
    for (const auto& entry :
         std::filesystem::recursive_directory_iterator(data_dir_ + "/blobs", error))
        if (entry.is_regular_file(error)) names.push_back(entry.path().filename());
    return names;
}

absl::Status Blobs::RemoveIfUnused(const std::string& sha256,
                                   const std::function<absl::StatusOr<bool>()>& used) {
    const std::lock_guard lock(mutex_);
    HONE_ASSIGN_OR_RETURN(const bool in_use, used());
    if (in_use) return absl::OkStatus();
    const std::string path = PathOf(sha256);
    if (unlink(path.c_str()) != 0 && errno != ENOENT) return DiskError("remove", path, errno);
    return absl::OkStatus();
}

}  // namespace hone::platform
