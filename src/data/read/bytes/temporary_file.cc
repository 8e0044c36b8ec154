#include "data/read/bytes/temporary_file.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/files/file.h"

namespace hone {

absl::StatusOr<TemporaryFile> TemporaryFile::Create(const std::string& folder) {
    HONE_RETURN_IF_ERROR(MakeDirectories(folder));
    std::string name = folder + "/.hone-rows-XXXXXX";
    const int fd = mkostemp(name.data(), O_CLOEXEC);
    if (fd < 0)
        return OtherError("cannot make a temporary file in {}: {} (choose another cache folder)",
                          folder, std::strerror(errno));
    unlink(name.c_str());
    return TemporaryFile(folder, fd);
}

TemporaryFile::~TemporaryFile() {
    if (fd_ >= 0) close(fd_);
}

TemporaryFile::TemporaryFile(TemporaryFile&& other) noexcept
    : folder_(std::move(other.folder_)), fd_(std::exchange(other.fd_, -1)), size_(other.size_) {}

TemporaryFile& TemporaryFile::operator=(TemporaryFile&& other) noexcept {
    std::swap(folder_, other.folder_);
    std::swap(fd_, other.fd_);
    std::swap(size_, other.size_);
    return *this;
}

absl::Status TemporaryFile::Write(std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t written = write(fd_, bytes.data(), bytes.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0)
            return OtherError(
                "cannot write the temporary file of the data set in {}: {} (free some space or "
                "choose another cache folder)",
                folder_, std::strerror(errno));
        size_ += static_cast<size_t>(written);
        bytes.remove_prefix(static_cast<size_t>(written));
    }
    return absl::OkStatus();
}

std::string TemporaryFile::path() const { return fmt::format("/proc/self/fd/{}", fd_); }

}  // namespace hone
