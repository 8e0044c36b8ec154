#include "answer/serving/lines.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>

#include "base/files/write_all.h"
#include "base/status.h"
#include "base/text/json_text.h"

namespace hone {

void LineWriter::Write(const nlohmann::ordered_json& line) {
    const std::string text = JsonLine(line);
    const std::lock_guard lock(mutex_);
    if (!broken_) broken_ = !WriteAll(fd_, text);
}

bool LineWriter::broken() const {
    const std::lock_guard lock(mutex_);
    return broken_;
}

LineReader::LineReader(int fd, size_t most_bytes)
    : fd_(fd), most_bytes_(most_bytes), wake_(eventfd(0, EFD_CLOEXEC)) {
    HONE_CHECK(wake_ >= 0, "no file descriptor is left");
    thread_ = std::thread([this] { Read(); });
}

LineReader::~LineReader() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    changed_.notify_all();
    const uint64_t one = 1;
    HONE_CHECK(write(wake_, &one, sizeof one) == sizeof one);
    thread_.join();
    close(wake_);
}

bool LineReader::Take(double seconds, std::optional<std::string>& line) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::duration<double>(seconds),
                      [&] { return !lines_.empty() || at_end_; });
    if (lines_.empty()) return false;
    line = std::move(lines_.front());
    lines_.pop_front();
    held_bytes_ -= line ? line->size() : 0;
    changed_.notify_all();
    return true;
}

bool LineReader::ended() const {
    const std::lock_guard lock(mutex_);
    return at_end_ && lines_.empty();
}

void LineReader::Put(std::optional<std::string> line) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return held_bytes_ <= most_bytes_ || stopping_; });
    held_bytes_ += line ? line->size() : 0;
    lines_.push_back(std::move(line));
    changed_.notify_all();
}

void LineReader::Read() {
    std::string text;
    bool too_long = false;
    char bytes[65536];
    for (;;) {
        pollfd ready[] = {{fd_, POLLIN, 0}, {wake_, POLLIN, 0}};
        if (poll(ready, 2, -1) < 0 && errno != EINTR) break;
        if (ready[1].revents != 0) break;
        const ssize_t got = read(fd_, bytes, sizeof bytes);
        if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
        if (got <= 0) break;
        std::string_view rest(bytes, static_cast<size_t>(got));
        while (!rest.empty()) {
            const size_t end = rest.find('\n');
            const std::string_view part = rest.substr(0, end);
            too_long |= text.size() + part.size() > most_bytes_;
            if (!too_long) text += part;
            if (end == std::string_view::npos) break;
            rest.remove_prefix(end + 1);
            if (too_long) {
                Put(std::nullopt);
            } else if (!text.empty()) {
                Put(std::move(text));
            }
            text.clear();
            too_long = false;
        }
    }
    const std::lock_guard lock(mutex_);
    at_end_ = true;
    changed_.notify_all();
}

}  // namespace hone
