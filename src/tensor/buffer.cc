#include "tensor/buffer.h"

#include <sys/mman.h>

#include <cerrno>
#include <cstring>

namespace hone {

Buffer::Buffer(size_t bytes) : bytes_(bytes) {
    if (bytes == 0) return;
    constexpr size_t kHugePage = size_t{2} << 20;
    data_ = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    HONE_CHECK(data_ != MAP_FAILED, "cannot map {} bytes: {}", bytes, std::strerror(errno));
    if (bytes >= kHugePage) madvise(data_, bytes, MADV_HUGEPAGE);
}

Buffer::~Buffer() {
    if (data_ != nullptr) munmap(data_, bytes_);
}

Buffer& Buffer::operator=(Buffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    return *this;
}

}  // namespace hone
