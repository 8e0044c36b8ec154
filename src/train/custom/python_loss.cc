#include "train/custom/python_loss.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstring>
#include <thread>
#include <utility>

#include "base/files/hash.h"
#include "base/watch.h"

extern char** environ;

namespace hone {
namespace {

constexpr char kInterpreter[] = "python3";  // of PATH
constexpr int kChildsSocket = 3;
constexpr int64_t kMostShown = 2000;        // bytes of what it wrote
constexpr int64_t kMostMessage = 64 << 10;  // bytes of a message

void Add(std::string& frame, const void* data, size_t size) {
    frame.append(static_cast<const char*>(data), size);
}
template <typename T>
void Add(std::string& frame, T value) {
    Add(frame, &value, sizeof value);
}

class PythonLoss : public LossProgram {
  public:
    PythonLoss(std::string shown, std::string hash)
        : shown_(std::move(shown)), hash_(std::move(hash)) {}
    ~PythonLoss() override {
        if (socket_ >= 0) close(socket_);
        if (child_ > 0) {
            // Whatever it computes, nobody waits for it.
            kill(child_, SIGKILL);
            waitpid(child_, nullptr, 0);
        }
        if (output_ >= 0) close(output_);
    }

    absl::Status Start(const std::string& file, const std::string& name);
    std::string name() const override { return shown_; }
    std::string Summary() const override { return fmt::format("{}, sha256 {}", shown_, hash_); }
    absl::StatusOr<double> Call(const std::vector<LossInput>& inputs,
                                std::vector<std::vector<float>>* slopes) override;

  private:
    absl::Status Send(const std::string& frame);
    absl::Status Receive(void* data, size_t size);
    // The error in place of a result, where the frame is one; its first number is read.
    absl::Status ReadStatus();
    absl::Status Ended();
    // The end of what it wrote, on lines of their own; or "".
    std::string Written() const;

    std::string shown_, hash_;
    int socket_ = -1, output_ = -1;
    pid_t child_ = -1;
};

absl::Status PythonLoss::Start(const std::string& file, const std::string& name) {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        return OtherError("--loss {}: no socket: {}", shown_, std::strerror(errno));
    socket_ = ends[0];
    output_ = memfd_create("output", MFD_CLOEXEC);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, output_, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, output_, STDERR_FILENO);
    // Descriptors from here on are closed by exec, but for this one, which is now another.
    const int moved = ends[1] == kChildsSocket ? fcntl(ends[1], F_DUPFD_CLOEXEC, 10) : ends[1];
    posix_spawn_file_actions_adddup2(&actions, moved, kChildsSocket);
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    // A group of its own: Ctrl-C is for hone, which still saves what it has.
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
    const std::string number = std::to_string(kChildsSocket);
    // -u: what it writes before it fails is there.
    const char* arguments[] = {kInterpreter, "-u",         "-c",           kLossHost,
                               file.c_str(), name.c_str(), number.c_str(), nullptr};
    const int failed = posix_spawnp(&child_, kInterpreter, &actions, &attributes,
                                    const_cast<char**>(arguments), environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    close(ends[1]);
    if (moved != ends[1]) close(moved);
    if (failed != 0) {
        child_ = -1;
        return UsageError(
            "--loss {}: {} cannot be started: {}; activate the environment that has "
            "torch, or put its python3 into PATH",
            shown_, kInterpreter, std::strerror(failed));
    }
    double nothing = 0;
    absl::Status ready = ReadStatus();
    if (ready.ok()) ready = Receive(&nothing, sizeof nothing);
    return ready.ok() || KindOf(ready) == ErrorKind::kInterrupted
               ? ready
               : WithKind(ready, ErrorKind::kUsage);
}

absl::StatusOr<double> PythonLoss::Call(const std::vector<LossInput>& inputs,
                                        std::vector<std::vector<float>>* slopes) {
    std::string frame;
    Add(frame, int32_t{slopes != nullptr});
    Add(frame, static_cast<int32_t>(inputs.size()));
    for (const LossInput& input : inputs) {
        Add(frame, static_cast<int32_t>(input.shape.size()));
        Add(frame, int32_t{input.wants_slopes});
        Add(frame, input.shape.data(), input.shape.size() * sizeof(int64_t));
        Add(frame, input.values.data(), input.values.size() * sizeof(float));
    }
    HONE_RETURN_IF_ERROR(Send(frame));
    HONE_RETURN_IF_ERROR(ReadStatus());
    double loss = 0;
    HONE_RETURN_IF_ERROR(Receive(&loss, sizeof loss));
    if (slopes != nullptr) slopes->clear();
    for (const LossInput& input : inputs) {
        if (slopes == nullptr || !input.wants_slopes) continue;
        std::vector<float>& of_input = slopes->emplace_back(input.values.size());
        HONE_RETURN_IF_ERROR(Receive(of_input.data(), of_input.size() * sizeof(float)));
    }
    return loss;
}

absl::Status PythonLoss::Send(const std::string& frame) {
    for (size_t sent = 0; sent < frame.size();) {
        const ssize_t count = send(socket_, frame.data() + sent, frame.size() - sent, MSG_NOSIGNAL);
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) return Ended();
        sent += static_cast<size_t>(count);
    }
    return absl::OkStatus();
}

absl::Status PythonLoss::Receive(void* data, size_t size) {
    constexpr int kLookMs = 200;
    for (size_t received = 0; received < size;) {
        pollfd waiting = {socket_, POLLIN, 0};
        const int ready = poll(&waiting, 1, kLookMs);
        if (ready == 0 || (ready < 0 && errno == EINTR)) {
            // Whoever waits for the work may end it.
            HONE_RETURN_IF_ERROR(ReportProgress(1));
            continue;
        }
        const ssize_t count =
            recv(socket_, static_cast<char*>(data) + received, size - received, 0);
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) return Ended();
        received += static_cast<size_t>(count);
    }
    return absl::OkStatus();
}

absl::Status PythonLoss::ReadStatus() {
    int32_t failed = 0;
    HONE_RETURN_IF_ERROR(Receive(&failed, sizeof failed));
    if (failed == 0) return absl::OkStatus();
    int64_t size = 0;
    HONE_RETURN_IF_ERROR(Receive(&size, sizeof size));
    std::string message(static_cast<size_t>(std::clamp<int64_t>(size, 0, kMostMessage)), '\0');
    HONE_RETURN_IF_ERROR(Receive(message.data(), message.size()));
    return TrainingError("--loss {}: {}{}", shown_, message, Written());
}

absl::Status PythonLoss::Ended() {
    // A program that ends closes its socket a moment before. One that lives on has closed it
    // itself.
    constexpr std::chrono::milliseconds kGrace(2000), kLook(5);
    const auto start = std::chrono::steady_clock::now();
    int status = 0;
    pid_t ended = 0;
    while ((ended = waitpid(child_, &status, WNOHANG)) == 0 &&
           std::chrono::steady_clock::now() - start < kGrace)
        std::this_thread::sleep_for(kLook);
    const bool known = ended == child_;
    std::string how = "ended";
    if (ended == 0) {
        kill(child_, SIGKILL);
        waitpid(child_, nullptr, 0);
        how = fmt::format("closed descriptor {}, which is hone's, and went on; it was stopped",
                          kChildsSocket);
    }
    child_ = -1;
    if (known && WIFEXITED(status))
        how = fmt::format("ended with exit status {}", WEXITSTATUS(status));
    if (known && WIFSIGNALED(status))
        how = fmt::format("was ended by signal {} ({})", WTERMSIG(status),
                          strsignal(WTERMSIG(status)));
    return TrainingError("--loss {}: its Python {}{}", shown_, how, Written());
}

std::string PythonLoss::Written() const {
    const off_t size = lseek(output_, 0, SEEK_END);
    const off_t from = std::max<off_t>(0, size - kMostShown);
    std::string text(static_cast<size_t>(std::max<off_t>(0, size - from)), '\0');
    const ssize_t count = pread(output_, text.data(), text.size(), from);
    text.resize(static_cast<size_t>(std::max<ssize_t>(0, count)));
    while (!text.empty() && text.back() == '\n') text.pop_back();
    return text.empty() ? "" : fmt::format(". It wrote:\n{}", text);
}

}  // namespace

absl::StatusOr<std::unique_ptr<LossProgram>> OpenPythonLoss(const std::string& file,
                                                            const std::string& name) {
    auto hash = Sha256File(file);
    if (!hash.ok()) return WithKind(Annotate(hash.status(), "--loss"), ErrorKind::kUsage);
    if (name.empty())
        return UsageError("--loss {}: says no class or function; write {}:NAME", file, file);
    auto loss = std::make_unique<PythonLoss>(fmt::format("{}:{}", file, name), *std::move(hash));
    HONE_RETURN_IF_ERROR(loss->Start(file, name));
    return loss;
}

}  // namespace hone
