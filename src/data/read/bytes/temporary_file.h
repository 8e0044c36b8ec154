// A file without a name: gone when it is closed, however the process ends.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/status.h"

namespace hone {

class TemporaryFile {
  public:
    // In `folder`, which is made if it is not there.
    static absl::StatusOr<TemporaryFile> Create(const std::string& folder);
    ~TemporaryFile();
    TemporaryFile(TemporaryFile&& other) noexcept;
    TemporaryFile& operator=(TemporaryFile&& other) noexcept;

    // Appends; a full disk is an error that names the folder.
    absl::Status Write(std::string_view bytes);
    size_t size() const { return size_; }
    int fd() const { return fd_; }
    // Opens this file again, while it lives.
    std::string path() const;

  private:
    TemporaryFile(std::string folder, int fd) : folder_(std::move(folder)), fd_(fd) {}
    std::string folder_;
    int fd_;
    size_t size_ = 0;
};

}  // namespace hone
