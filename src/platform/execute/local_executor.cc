#include "platform/execute/local_executor.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <mutex>
#include <string_view>
#include <thread>

#include "base/clock.h"
#include "base/files/file.h"
#include "base/log.h"
#include "platform/execute/child.h"

namespace hone::platform {
namespace {

constexpr size_t kMaxEventBytes = size_t{4} << 20;
constexpr size_t kLastWords = 4096;   // bytes of worker.log
constexpr double kLeaveSeconds = 60;  // that a leftover worker has to save and leave

struct Descriptor {
    int fd = -1;
    Descriptor() = default;
    explicit Descriptor(int opened) : fd(opened) {}
    ~Descriptor() { Close(); }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    void Close() {
        if (fd >= 0) close(fd);
        fd = -1;
    }
};

absl::Status MakePipe(Descriptor& read, Descriptor& write) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return OtherError("cannot make a pipe: {}", std::strerror(errno));
    read.fd = ends[0];
    write.fd = ends[1];
    return absl::OkStatus();
}

int64_t Milliseconds(const timeval& time) {
    return int64_t{time.tv_sec} * 1000 + time.tv_usec / 1000;
}

class LocalWorker : public Worker {
  public:
    explicit LocalWorker(std::string folder) : folder_(std::move(folder)) {}
    ~LocalWorker() override {
        Kill();
        Reap();
    }

    absl::Status Start(const std::string& program, const WorkOrder& order) {
        Descriptor child_events, child_control;
        HONE_RETURN_IF_ERROR(MakePipe(events_, child_events));
        HONE_RETURN_IF_ERROR(MakePipe(child_control, control_));
        const std::string log = folder_ + "/worker.log";
        const Descriptor log_file(
            open(log.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
        if (log_file.fd < 0) return OtherError("cannot write {}: {}", log, std::strerror(errno));
        ChildOptions child;
        child.arguments = {program,    "worker", "--job",     folder_ + "/job.json",
                           "--events", "3",      "--control", "0"};
        if (order.estimate) child.arguments.push_back("--estimate");
        child.environment = ChildEnvironment();
        child.input = child_control.fd;
        child.output = child_events.fd;
        child.log = log_file.fd;
        child.memory_limit_bytes = order.memory_limit_bytes;
        child.record = [&](pid_t pid) {
            return WriteFileAtomic(folder_ + "/worker.pid",
                                   fmt::format("{} {}\n", pid, ProcessStart(pid)));
        };
        HONE_ASSIGN_OR_RETURN(pid_, StartChild(child));
        return absl::OkStatus();
    }

    Heard Next(double seconds, Event* event) override {
        const double until = NowSeconds() + seconds;
        for (;;) {
            if (TakeLine(event)) return Heard::kEvent;
            const double left = until - NowSeconds();
            if (left <= 0) return Heard::kSilence;
            pollfd wait{events_.fd, POLLIN, 0};
            const int ready = poll(&wait, 1, static_cast<int>(std::ceil(left * 1000)));
            if (ready < 0 && errno != EINTR) return Heard::kEnd;
            if (ready <= 0) continue;
            char bytes[65536];
            const ssize_t got = read(events_.fd, bytes, sizeof bytes);
            if (got < 0 && errno == EINTR) continue;
            if (got <= 0) return Heard::kEnd;
            text_.append(bytes, static_cast<size_t>(got));
        }
    }

    int64_t CpuMs() override {
        clockid_t clock{};
        timespec used{};
        if (reaped_) return cpu_ms_;
        if (clock_getcpuclockid(pid_, &clock) == 0 && clock_gettime(clock, &used) == 0)
            cpu_ms_ = int64_t{used.tv_sec} * 1000 + used.tv_nsec / 1'000'000;
        return cpu_ms_;
    }

    void Stop() override { Tell("stop\n"); }
    void Cancel() override { Tell("cancel\n"); }
    void Kill() override {
        const std::lock_guard lock(mutex_);
        if (pid_ > 0 && !reaped_) kill(pid_, SIGKILL);
    }

    WorkerEnd End() override {
        Reap();
        WorkerEnd end;
        if (WIFSIGNALED(status_))
            end.signal = WTERMSIG(status_);
        else
            end.exit_code = WEXITSTATUS(status_);
        if (auto log = ReadFile(folder_ + "/worker.log"); log.ok())
            end.last_words = log->substr(log->size() - std::min(log->size(), kLastWords));
        return end;
    }

  private:
    void Tell(std::string_view command) {
        // Where the worker is gone a SIGPIPE comes, which must not end this program.
        const std::lock_guard lock(mutex_);
        if (reaped_) return;
        sigset_t pipe, before;
        sigemptyset(&pipe);
        sigaddset(&pipe, SIGPIPE);
        pthread_sigmask(SIG_BLOCK, &pipe, &before);
        const bool broken =
            write(control_.fd, command.data(), command.size()) < 0 && errno == EPIPE;
        const timespec none{};
        if (broken) sigtimedwait(&pipe, nullptr, &none);
        pthread_sigmask(SIG_SETMASK, &before, nullptr);
    }

    // Waits without holding the lock, so that a worker that hangs can be killed meanwhile.
    void Reap() {
        if (pid_ <= 0 || reaped_) return;
        siginfo_t info;
        while (waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOWAIT) < 0 &&
               errno == EINTR) {
        }
        const std::lock_guard lock(mutex_);
        rusage used{};
        while (wait4(pid_, &status_, 0, &used) < 0 && errno == EINTR) {
        }
        cpu_ms_ = Milliseconds(used.ru_utime) + Milliseconds(used.ru_stime);
        reaped_ = true;
        std::error_code ignored;
        std::filesystem::remove(folder_ + "/worker.pid", ignored);
    }

    // The next line as an event. What is none is passed over.
    bool TakeLine(Event* event) {
        for (;;) {
            const size_t end = text_.find('\n', at_);
            if (end == std::string::npos) {
                text_.erase(0, at_);
                at_ = 0;
                if (text_.size() > kMaxEventBytes) text_.clear();
                return false;
            }
            const auto parsed = ParseEvent(std::string_view(text_).substr(at_, end - at_));
            at_ = end + 1;
            if (parsed.ok()) {
                *event = *parsed;
                return true;
            }
            spdlog::warn("a worker's event is none: {}", std::string(parsed.status().message()));
        }
    }

    const std::string folder_;
    Descriptor events_, control_;
    pid_t pid_ = 0;
    std::mutex mutex_;  // between a signal to the process and the end of its id
    bool reaped_ = false;
    int status_ = 0;
    int64_t cpu_ms_ = 0;  // as of the last look, or in all where it is reaped
    std::string text_;    // read and not yet taken, from at_ on
    size_t at_ = 0;
};

}  // namespace

LocalExecutor::LocalExecutor(std::string program) : program_(std::move(program)) {
    if (program_.empty()) program_ = std::filesystem::read_symlink("/proc/self/exe");
}

absl::StatusOr<std::unique_ptr<Worker>> LocalExecutor::Start(const WorkOrder& order) {
    auto worker = std::make_unique<LocalWorker>(order.folder);
    HONE_RETURN_IF_ERROR(worker->Start(program_, order));
    return worker;
}

void LocalExecutor::EndLeftover(const std::string& folder) {
    const auto text = ReadFile(folder + "/worker.pid", 256);
    if (!text.ok()) return;
    int pid = 0;
    unsigned long long start = 0;
    if (std::sscanf(text->c_str(), "%d %llu", &pid, &start) != 2 || pid <= 0 || start == 0) return;
    const auto there = [&] { return ProcessStart(pid) == start; };
    if (there()) kill(pid, SIGTERM);
    for (const double until = NowSeconds() + kLeaveSeconds; there() && NowSeconds() < until;)
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    while (there()) {
        kill(pid, SIGKILL);
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
}

}  // namespace hone::platform
