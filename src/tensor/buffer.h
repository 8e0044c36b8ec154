// Owned memory for numbers: zeroed, 64-byte aligned, on huge pages where the kernel gives them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>

#include "base/status.h"

namespace hone {

// A block of bytes from mmap, zero-filled; movable. Sizes of 2 MiB and more ask for transparent
// huge pages.
class Buffer {
  public:
    Buffer() = default;
    explicit Buffer(
        size_t bytes);  // throws std::bad_alloc if the system has no address space left
    // A piece of a region of huge pages that several pieces share. For what is read again and again
    // and lives about equally long, like a model's weights. A buffer of its own below 2 MiB would
    // lie in pages of 4 KiB, and hardware stops reading ahead at the end of a page. A region is
    // freed with its last piece.
    static Buffer Shared(size_t bytes);
    ~Buffer();
    Buffer(Buffer&& other) noexcept { *this = std::move(other); }
    Buffer& operator=(Buffer&& other) noexcept;
    Buffer(const Buffer&) = delete;
    Buffer& operator=(const Buffer&) = delete;

    size_t bytes() const { return bytes_; }
    void* data() { return data_; }
    const void* data() const { return data_; }
    template <typename T>
    T* as() {
        return static_cast<T*>(data_);
    }
    template <typename T>
    const T* as() const {
        return static_cast<const T*>(data_);
    }

  private:
    void* data_ = nullptr;
    size_t bytes_ = 0;
    std::shared_ptr<Buffer> region_;  // whose memory this is a piece of; null: its own
};

// Hands out 64-byte aligned pieces of one Buffer, front to back. Without a buffer it only counts.
// So the same code runs twice: once to plan how large the buffer must be, then to get the pieces.
class Arena {
  public:
    Arena() = default;  // counts only: Take returns nullptr
    explicit Arena(size_t bytes) : buffer_(bytes), counting_(false) {}

    template <typename T>
    T* Take(int64_t count) {
        size_t offset = used_;
        used_ += (static_cast<size_t>(count) * sizeof(T) + 63) / 64 * 64;
        if (used_ > peak_) peak_ = used_;
        if (counting_) return nullptr;
        HONE_CHECK(used_ <= buffer_.bytes(), "arena of {} bytes is too small", buffer_.bytes());
        return reinterpret_cast<T*>(buffer_.as<std::byte>() + offset);
    }
    // Seek goes back to a mark, so that pieces that are never used at the same time share memory,
    // and then on to the end of the longer one.
    size_t mark() const { return used_; }
    void Seek(size_t mark) { used_ = mark; }
    size_t peak_bytes() const { return peak_; }
    bool counting() const { return counting_; }

  private:
    Buffer buffer_;
    bool counting_ = true;
    size_t used_ = 0;
    size_t peak_ = 0;
};

}  // namespace hone
