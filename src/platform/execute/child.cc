#include "platform/execute/child.h"

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "absl/strings/str_split.h"
#include "base/machine/proc_text.h"

extern char** environ;

namespace hone::platform {
namespace {

constexpr int kOutput = 3;
constexpr int kCannotStart = 127;

#if defined(__x86_64__)
constexpr unsigned kArchitecture = AUDIT_ARCH_X86_64;
#else
constexpr unsigned kArchitecture = AUDIT_ARCH_AARCH64;
#endif

// socket() for anything but AF_UNIX is EACCES, and so are system calls in another architecture's
// numbers.
constexpr unsigned kX32 = 0x40000000;
constexpr sock_filter kNoNetwork[] = {
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, arch)),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kArchitecture, 0, 5),
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
    BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, kX32, 3, 0),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_socket, 0, 3),
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args)),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_UNIX, 1, 0),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EACCES),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
};

// Between fork and exec only what is safe in a signal handler may be called: the memory is a copy
// of a process with many threads.
[[noreturn]] void Become(const ChildOptions& options, char** argv, char** envp, pid_t parent,
                         const int (&gate)[2]) {
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent) _exit(kCannotStart);  // it died before
    close(gate[1]);  // so that the end of the parent is the end of the pipe
    char open_now = 0;
    ssize_t got = 0;
    do got = read(gate[0], &open_now, 1);
    while (got < 0 && errno == EINTR);
    if (got != 1) _exit(kCannotStart);
    // Out of the way of those that they become.
    const int input = fcntl(options.input, F_DUPFD, 10),
              output = fcntl(options.output, F_DUPFD, 10), log = fcntl(options.log, F_DUPFD, 10),
              nowhere = open("/dev/null", O_WRONLY);
    if (dup2(input, 0) < 0 || dup2(nowhere, 1) < 0 || dup2(log, 2) < 0 ||
        dup2(output, kOutput) < 0 || close_range(kOutput + 1, ~0U, 0) != 0)
        _exit(kCannotStart);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    signal(SIGPIPE, SIG_DFL);
    setpgid(0, 0);  // Ctrl-C at the server's terminal is the server's
    if (options.memory_limit_bytes > 0) {
        const rlimit limit{static_cast<rlim_t>(options.memory_limit_bytes),
                           static_cast<rlim_t>(options.memory_limit_bytes)};
        setrlimit(RLIMIT_DATA, &limit);
    }
    const rlimit no_core{0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
    // A kernel without filters runs the child with the network.
    const sock_fprog filter{sizeof kNoNetwork / sizeof kNoNetwork[0],
                            const_cast<sock_filter*>(kNoNetwork)};
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter);
    execve(argv[0], argv, envp);
    _exit(kCannotStart);
}

std::vector<char*> Pointers(const std::vector<std::string>& texts) {
    std::vector<char*> pointers;
    for (const std::string& text : texts) pointers.push_back(const_cast<char*>(text.c_str()));
    pointers.push_back(nullptr);
    return pointers;
}

}  // namespace

std::vector<std::string> ChildEnvironment() {
    constexpr std::string_view kNames[] = {
        "PATH=", "HOME=", "LANG=", "TMPDIR=", "LC_ALL=", "TZ=", "LD_LIBRARY_PATH="};
    constexpr std::string_view kPrefixes[] = {"HONE_", "ASAN_", "UBSAN_", "TSAN_", "LSAN_"};
    std::vector<std::string> kept = {"HF_HUB_OFFLINE=1"};
    for (char** entry = environ; *entry != nullptr; ++entry) {
        const std::string_view variable = *entry;
        bool keep = false;
        for (const std::string_view name : kNames) keep = keep || variable.starts_with(name);
        for (const std::string_view prefix : kPrefixes) keep = keep || variable.starts_with(prefix);
        if (keep) kept.emplace_back(variable);
    }
    return kept;
}

absl::StatusOr<pid_t> StartChild(const ChildOptions& options) {
    std::vector<char*> argv = Pointers(options.arguments), envp = Pointers(options.environment);
    int gate[2];
    if (pipe2(gate, O_CLOEXEC) != 0)
        return OtherError("cannot make a pipe: {}", std::strerror(errno));
    const pid_t parent = getpid();
    const pid_t pid = fork();
    if (pid == 0) Become(options, argv.data(), envp.data(), parent, gate);
    absl::Status status;
    if (pid < 0)
        status = OtherError("cannot start a process: {}", std::strerror(errno));
    else
        status = options.record(pid);
    if (status.ok() && write(gate[1], "", 1) != 1)
        status = OtherError("cannot start a process: {}", std::strerror(errno));
    close(gate[0]);
    close(gate[1]);
    if (status.ok()) return pid;
    if (pid > 0) waitpid(pid, nullptr, 0);
    return status;
}

uint64_t ProcessStart(pid_t pid) {
    const std::string stat = ReadProcText(fmt::format("/proc/{}/stat", pid));
    // The name stands in brackets and may hold anything.
    const size_t end = stat.rfind(')');
    if (end == std::string::npos) return 0;
    constexpr size_t kState = 1, kThreads = 18, kStart = 20;  // among what follows the name
    const std::vector<std::string> fields = absl::StrSplit(stat.substr(end + 1), ' ');
    if (fields.size() <= kStart) return 0;
    // The first thread may have ended before others, which hold locks and files until they do.
    if (fields[kState] == "Z" && std::atoi(fields[kThreads].c_str()) <= 1) return 0;
    return std::strtoull(fields[kStart].c_str(), nullptr, 10);
}

}  // namespace hone::platform
