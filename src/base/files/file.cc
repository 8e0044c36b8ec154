#include "base/files/file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

namespace hone {
namespace {

FileFault& Fault() {
    static FileFault fault;
    return fault;
}

// errno to fail with, or 0.
int InjectedFault(std::string_view operation, const std::string& path) {
    return Fault() ? Fault()(operation, path) : 0;
}

absl::Status FileError(std::string_view doing, const std::string& path, int error) {
    const char* cure = error == ENOSPC || error == EDQUOT
                           ? " (free some space or choose another folder)"
                       : error == EACCES || error == EPERM || error == EROFS
                           ? " (check the permissions or choose another folder)"
                           : "";
    return OtherError("cannot {} {}: {}{}", doing, path, std::strerror(error), cure);
}

absl::Status WriteAll(int fd, const std::string& path, std::span<const uint8_t> bytes) {
    while (!bytes.empty()) {
        if (int error = InjectedFault("write", path)) return FileError("write", path, error);
        ssize_t written = write(fd, bytes.data(), bytes.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return FileError("write", path, errno);
        bytes = bytes.subspan(static_cast<size_t>(written));
    }
    return absl::OkStatus();
}

}  // namespace

bool Exists(const std::filesystem::path& path) {
    std::error_code error;
    return std::filesystem::exists(path, error);
}

bool IsFile(const std::filesystem::path& path) {
    std::error_code error;
    return std::filesystem::is_regular_file(path, error);
}

bool IsFolder(const std::filesystem::path& path) {
    std::error_code error;
    return std::filesystem::is_directory(path, error);
}

void SetFileFault(FileFault fault) { Fault() = std::move(fault); }

absl::StatusOr<int> OpenRegularFile(const std::string& path) {
    // Without O_NONBLOCK a named pipe would be waited for until somebody writes to it.
    int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return FileError("open", path, errno);
    struct stat info;
    if (fstat(fd, &info) == 0 && S_ISREG(info.st_mode)) return fd;
    close(fd);
    return OtherError("{} is {}, not a regular file", path,
                      S_ISDIR(info.st_mode)    ? "a folder"
                      : S_ISFIFO(info.st_mode) ? "a named pipe"
                                               : "a device or something like it");
}

absl::StatusOr<std::shared_ptr<MappedFile>> MappedFile::Open(const std::string& path) {
    HONE_ASSIGN_OR_RETURN(const int fd, OpenRegularFile(path));
    struct stat info {};
    void* data = nullptr;
    int error = fstat(fd, &info) == 0 ? 0 : errno;
    if (error == 0 && info.st_size > 0) {
        data = mmap(nullptr, static_cast<size_t>(info.st_size), PROT_READ, MAP_PRIVATE, fd, 0);
        if (data == MAP_FAILED) error = errno;
    }
    close(fd);
    if (error != 0) return FileError("map", path, error);
    return std::shared_ptr<MappedFile>(
        new MappedFile(path, static_cast<const uint8_t*>(data), info));
}

MappedFile::MappedFile(std::string path, const uint8_t* data, const struct stat& info)
    : path_(std::move(path)),
      data_(data),
      size_(static_cast<size_t>(info.st_size)),
      opened_(StateOf(info)),
      guard_(data_, size_) {}

MappedFile::State MappedFile::StateOf(const struct stat& info) {
    return {info.st_dev, info.st_ino, static_cast<uint64_t>(info.st_size), info.st_mtim.tv_sec,
            info.st_mtim.tv_nsec};
}

MappedFile::~MappedFile() {
    if (size_ > 0) munmap(const_cast<uint8_t*>(data_), size_);
}

void MappedFile::DropPages() const {
    if (size_ > 0) madvise(const_cast<uint8_t*>(data_), size_, MADV_DONTNEED);
}

absl::Status MappedFile::CheckReadable() const {
    if (!guard_.broken()) return absl::OkStatus();
    return OtherError("{} was cut short while it was read, or its disk fails", path_);
}

absl::Status MappedFile::CheckUnchanged() const {
    HONE_RETURN_IF_ERROR(CheckReadable());
    struct stat info;
    if (stat(path_.c_str(), &info) != 0 || StateOf(info) == opened_) return absl::OkStatus();
    return OtherError("{} was {} while it was in use", path_,
                      info.st_ino != opened_.inode || info.st_dev != opened_.device ? "replaced"
                      : StateOf(info).size < opened_.size                           ? "cut short"
                                                                                    : "written to");
}

absl::StatusOr<std::string> ReadFile(const std::string& path, size_t limit) {
    HONE_ASSIGN_OR_RETURN(auto file, MappedFile::Open(path));
    if (file->bytes().size() > limit)
        return OtherError("{} holds {} bytes, more than the limit of {}", path,
                          file->bytes().size(), limit);
    std::string text(file->text());
    HONE_RETURN_IF_ERROR(file->CheckReadable());
    return text;
}

absl::StatusOr<std::unique_ptr<AtomicFile>> AtomicFile::Create(const std::string& path) {
    std::string temporary = fmt::format("{}.tmp-{}", path, getpid());
    if (int error = InjectedFault("create", path)) return FileError("create", path, error);
    int fd = open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0) return FileError("create", path, errno);
    return std::unique_ptr<AtomicFile>(new AtomicFile(path, std::move(temporary), fd));
}

AtomicFile::~AtomicFile() {
    if (fd_ < 0) return;
    close(fd_);
    unlink(temporary_.c_str());
}

absl::Status AtomicFile::Write(std::span<const uint8_t> bytes) {
    return WriteAll(fd_, path_, bytes);
}

absl::Status AtomicFile::Write(std::string_view text) {
    return Write(std::span(reinterpret_cast<const uint8_t*>(text.data()), text.size()));
}

absl::Status AtomicFile::Commit() {
    if (int error = InjectedFault("sync", path_)) return FileError("sync", path_, error);
    if (fsync(fd_) != 0) return FileError("sync", path_, errno);
    int closed = close(fd_);
    fd_ = -1;
    int error = InjectedFault("rename", path_);
    if (error == 0 && (closed != 0 || rename(temporary_.c_str(), path_.c_str()) != 0))
        error = errno;
    if (error != 0) {
        unlink(temporary_.c_str());
        return FileError("finish", path_, error);
    }
    return absl::OkStatus();
}

absl::Status WriteFileAtomic(const std::string& path, std::string_view text) {
    HONE_ASSIGN_OR_RETURN(auto file, AtomicFile::Create(path));
    HONE_RETURN_IF_ERROR(file->Write(text));
    return file->Commit();
}

absl::StatusOr<std::unique_ptr<AppendFile>> AppendFile::Open(const std::string& path) {
    if (int error = InjectedFault("create", path)) return FileError("create", path, error);
    int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (fd < 0) return FileError("open", path, errno);
    return std::unique_ptr<AppendFile>(new AppendFile(path, fd));
}

AppendFile::~AppendFile() { close(fd_); }

absl::Status AppendFile::Append(std::string_view bytes) {
    return WriteAll(fd_, path_,
                    std::span(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()));
}

absl::Status RenameFolder(const std::string& from, const std::string& to) {
    int error = InjectedFault("rename", to);
    if (error == 0 && rename(from.c_str(), to.c_str()) != 0) error = errno;
    if (error != 0) return FileError("finish", to, error);
    std::filesystem::path parent = std::filesystem::path(to).parent_path();
    return SyncDirectory(parent.empty() ? "." : parent.string());
}

absl::Status MakeDirectories(const std::string& path) {
    std::error_code error;
    std::filesystem::create_directories(path, error);
    if (error) return FileError("create the folder", path, error.value());
    return absl::OkStatus();
}

absl::Status SyncDirectory(const std::string& path) {
    int fd = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return FileError("open", path, errno);
    int error = fsync(fd) == 0 ? 0 : errno;
    close(fd);
    if (error != 0 && error != EINVAL) return FileError("sync", path, error);
    return absl::OkStatus();
}

}  // namespace hone
