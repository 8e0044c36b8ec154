// Lines of text in and out of file descriptors, each from a thread of its own.
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "nlohmann/json.hpp"

namespace hone {

// Writes JSON objects, one a line, each whole, from any thread. Where nobody reads any more the
// rest is dropped. A pipe that is full is waited for. The descriptor stays open and the caller's.
class LineWriter {
  public:
    explicit LineWriter(int fd) : fd_(fd) {}
    void Write(const nlohmann::ordered_json& line);
    // Whether something could not be written: the other end is gone.
    bool broken() const;

  private:
    int fd_;
    mutable std::mutex mutex_;
    bool broken_ = false;
};

// Reads lines on a thread of its own, ahead of the one that takes them, up to a number of bytes.
// The descriptor stays open and the caller's.
class LineReader {
  public:
    // A line of more than `most_bytes` comes out as std::nullopt.
    LineReader(int fd, size_t most_bytes);
    // Ends the thread; what it has not read yet stays unread.
    ~LineReader();
    LineReader(const LineReader&) = delete;
    LineReader& operator=(const LineReader&) = delete;

    // The next line, if there is one within so many seconds.
    bool Take(double seconds, std::optional<std::string>& line);
    // Whether the input ended and all of it was taken.
    bool ended() const;

  private:
    void Read();
    void Put(std::optional<std::string> line);

    int fd_;
    size_t most_bytes_;
    int wake_;  // an eventfd that the destructor writes to
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<std::optional<std::string>> lines_;
    size_t held_bytes_ = 0;
    bool stopping_ = false, at_end_ = false;
    std::thread thread_;
};

}  // namespace hone
