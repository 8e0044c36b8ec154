#include "train/control/command_reader.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>

#include "base/status.h"

namespace hone {
namespace {

// A line without an end must not fill the memory.
constexpr size_t kMaxLine = 4096;

}  // namespace

CommandReader::CommandReader(int fd, RunControl& control, EventStream& events)
    : fd_(fd), control_(control), events_(events), wake_(eventfd(0, EFD_CLOEXEC)) {
    HONE_CHECK(wake_ >= 0, "no file descriptor is left");
    thread_ = std::thread([this] { Read(); });
}

CommandReader::~CommandReader() {
    const uint64_t one = 1;
    HONE_CHECK(write(wake_, &one, sizeof one) == sizeof one);
    thread_.join();
    close(wake_);
}

void CommandReader::Read() {
    std::string text;
    for (;;) {
        pollfd ready[] = {{fd_, POLLIN, 0}, {wake_, POLLIN, 0}};
        if (poll(ready, 2, -1) < 0) {
            if (errno == EINTR) continue;
            return;
        }
        if (ready[1].revents != 0) return;
        char bytes[256];
        const ssize_t got = read(fd_, bytes, sizeof bytes);
        if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
        if (got <= 0) break;
        text.append(bytes, static_cast<size_t>(got));
        for (size_t end; (end = text.find('\n')) != std::string::npos; text.erase(0, end + 1))
            Obey(text.substr(0, end));
        if (text.size() > kMaxLine) text.resize(kMaxLine);
    }
    if (!text.empty()) Obey(text);
}

void CommandReader::Obey(const std::string& line) {
    const size_t begin = line.find_first_not_of(" \t\r");
    if (begin == std::string::npos) return;
    const std::string command = line.substr(begin, line.find_last_not_of(" \t\r") + 1 - begin);
    if (command == "pause") {
        control_.Pause();
    } else if (command == "go") {
        control_.Go();
    } else if (command == "cancel") {
        control_.Cancel();
    } else if (command == "stop") {
        control_.Stop();
    } else {
        events_.Emit(RunMessage{
            MessageLevel::kWarning,
            fmt::format("\"{:.60}\" is no command to a run; they are pause, go, cancel and stop",
                        command)});
    }
}

}  // namespace hone
