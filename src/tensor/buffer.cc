#include "tensor/buffer.h"

#include <sys/mman.h>

#include <algorithm>
#include <mutex>
#include <new>

namespace hone {
namespace {

constexpr size_t kHugePage = size_t{2} << 20;
// Address space alone: pages that nobody touches take no memory.
constexpr size_t kRegion = size_t{256} << 20;

size_t RoundUp(size_t value, size_t multiple) {
    return (value + multiple - 1) / multiple * multiple;
}

}  // namespace

Buffer::Buffer(size_t bytes) : bytes_(bytes) {
    if (bytes == 0) return;
    data_ = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (data_ == MAP_FAILED) {
        data_ = nullptr;
        throw std::bad_alloc();
    }
    if (bytes >= kHugePage) madvise(data_, bytes, MADV_HUGEPAGE);
}

Buffer Buffer::Shared(size_t bytes) {
    static std::mutex mutex;
    static std::weak_ptr<Buffer> last_region;
    static size_t used = 0;  // of the last region
    Buffer piece;
    if (bytes == 0) return piece;
    const std::lock_guard lock(mutex);
    std::shared_ptr<Buffer> region = last_region.lock();
    if (region == nullptr || used + bytes > region->bytes()) {
        region = std::make_shared<Buffer>(std::max(kRegion, RoundUp(bytes, kHugePage)) + kHugePage);
        const auto address = reinterpret_cast<uintptr_t>(region->data());
        used = RoundUp(address, kHugePage) - address;
        last_region = region;
    }
    piece.data_ = region->as<std::byte>() + used;
    piece.bytes_ = bytes;
    used += RoundUp(bytes, 64);
    piece.region_ = std::move(region);
    return piece;
}

Buffer::~Buffer() {
    if (data_ != nullptr && region_ == nullptr) munmap(data_, bytes_);
}

Buffer& Buffer::operator=(Buffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    std::swap(region_, other.region_);
    return *this;
}

}  // namespace hone
