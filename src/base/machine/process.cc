#include "base/machine/process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/watch.h"

extern char** environ;

namespace hone {

absl::StatusOr<ProcessResult> RunProcess(const std::vector<std::string>& arguments) {
    constexpr size_t kOutputLimit = size_t{1} << 20;
    HONE_CHECK(!arguments.empty());
    int pipe_fds[2];
    if (pipe2(pipe_fds, O_CLOEXEC) != 0)
        return OtherError("cannot make a pipe: {}", std::strerror(errno));
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, pipe_fds[1], 1);
    posix_spawn_file_actions_adddup2(&actions, pipe_fds[1], 2);
    std::vector<char*> argv;
    for (const auto& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
    argv.push_back(nullptr);
    pid_t pid = 0;
    int error = posix_spawnp(&pid, argv[0], &actions, nullptr, argv.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    close(pipe_fds[1]);
    if (error != 0) {
        close(pipe_fds[0]);
        return OtherError("cannot run {}: {}", arguments[0], std::strerror(error));
    }
    ProcessResult result;
    char buffer[4096];
    absl::Status watched;
    for (;;) {
        constexpr int kAskEveryMs = 100;
        pollfd wait{pipe_fds[0], POLLIN, 0};
        const int ready = poll(&wait, 1, kAskEveryMs);
        if (ready < 0 && errno == EINTR) continue;
        if (ready == 0) {
            if (watched = ReportProgress(-1); watched.ok()) continue;
            kill(pid, SIGTERM);
            break;
        }
        ssize_t got = read(pipe_fds[0], buffer, sizeof buffer);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) break;
        size_t room = kOutputLimit - std::min(kOutputLimit, result.output.size());
        result.output.append(buffer, std::min(room, static_cast<size_t>(got)));
    }
    close(pipe_fds[0]);
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    HONE_RETURN_IF_ERROR(watched);
    result.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return result;
}

}  // namespace hone
