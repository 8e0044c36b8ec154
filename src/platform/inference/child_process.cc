#include "platform/inference/child_process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "platform/execute/child.h"

namespace hone {
namespace {

void Close(int& fd) {
    if (fd >= 0) close(fd);
    fd = -1;
}

std::string HowItEnded(int status) {
    return WIFEXITED(status) ? fmt::format("exit code {}", WEXITSTATUS(status))
                             : fmt::format("killed by signal {}", WTERMSIG(status));
}

}  // namespace

absl::StatusOr<ChildProcess> ChildProcess::Start(const std::vector<std::string>& arguments,
                                                 int64_t memory_limit_bytes) {
    HONE_CHECK(!arguments.empty());
    int in[2] = {-1, -1}, out[2] = {-1, -1};
    if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0) {
        const int error = errno;
        for (int* fd : {&in[0], &in[1]}) Close(*fd);
        return OtherError("cannot make a pipe: {}", std::strerror(error));
    }
    platform::ChildOptions options;
    options.arguments = arguments;
    options.environment = platform::ChildEnvironment();
    options.input = in[0];
    options.output = out[1];
    options.log = STDERR_FILENO;
    options.memory_limit_bytes = memory_limit_bytes;
    const auto pid = platform::StartChild(options);
    ChildProcess child;
    Close(in[0]);
    Close(out[1]);
    child.input_ = in[1];
    child.output_ = out[0];
    HONE_ASSIGN_OR_RETURN(child.pid_, pid);
    for (int fd : {child.input_, child.output_})
        fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    return child;
}

ChildProcess& ChildProcess::operator=(ChildProcess&& other) noexcept {
    std::swap(pid_, other.pid_);
    std::swap(input_, other.input_);
    std::swap(output_, other.output_);
    std::swap(ended_, other.ended_);
    return *this;
}

ChildProcess::~ChildProcess() {
    if (pid_ > 0 && !Ended()) {
        Kill(SIGKILL);
        int status = 0;
        while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
        }
    }
    Close(input_);
    Close(output_);
}

bool ChildProcess::Write(std::string& text) {
    while (!text.empty() && input_ >= 0) {
        const ssize_t written = write(input_, text.data(), text.size());
        if (written >= 0) {
            text.erase(0, static_cast<size_t>(written));
        } else if (errno == EAGAIN) {
            return true;
        } else if (errno != EINTR) {
            return false;
        }
    }
    return true;
}

bool ChildProcess::Read(std::string& text) {
    char bytes[65536];
    for (;;) {
        const ssize_t got = read(output_, bytes, sizeof bytes);
        if (got > 0) {
            text.append(bytes, static_cast<size_t>(got));
            // The others' turn; more comes with the next poll.
            if (static_cast<size_t>(got) < sizeof bytes || text.size() > (size_t{1} << 20))
                return true;
        } else if (got == 0) {
            return false;
        } else if (errno == EAGAIN) {
            return true;
        } else if (errno != EINTR) {
            return false;
        }
    }
}

void ChildProcess::CloseInput() { Close(input_); }

void ChildProcess::Kill(int signal) {
    if (pid_ > 0 && !ended_) kill(pid_, signal);
}

std::optional<std::string> ChildProcess::Ended() {
    if (ended_ || pid_ <= 0) return ended_;
    int status = 0;
    const pid_t found = waitpid(pid_, &status, WNOHANG);
    if (found == pid_) ended_ = HowItEnded(status);
    if (found < 0 && errno == ECHILD) ended_ = "it is gone";
    return ended_;
}

}  // namespace hone
