#include "cli/terminal/signals.h"

#include <fcntl.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <initializer_list>

namespace hone {
namespace {

// A signal that comes sooner than this after the first is the same wish.
constexpr int64_t kOneWishMs = 300;

RunControl control;
std::atomic<bool> leave_at_once{false};
std::atomic<const termios*> terminal_state{nullptr};
std::atomic<int> first_signal{0};
std::atomic<int64_t> first_ms{0};
static_assert(std::atomic<int>::is_always_lock_free && std::atomic<bool>::is_always_lock_free &&
              std::atomic<int64_t>::is_always_lock_free &&
              std::atomic<const termios*>::is_always_lock_free);

int64_t NowMs() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return int64_t{1000} * now.tv_sec + now.tv_nsec / 1'000'000;
}

// Only what POSIX allows in a signal handler, here and below.
void Leave(int signal) {
    constexpr char kRestore[] = "\x1b[0m\n";
    if (const termios* state = terminal_state) tcsetattr(STDIN_FILENO, TCSANOW, state);
    if (isatty(STDERR_FILENO) == 1) (void)!write(STDERR_FILENO, kRestore, sizeof kRestore - 1);
    _exit(128 + signal);
}

void OnEnd(int signal) { Leave(signal); }

void OnInterrupt(int signal) {
    if (leave_at_once || control.ending()) Leave(signal);
    control.Stop();
}

void OnStop(int signal) {
    const bool person = signal == SIGINT || signal == SIGQUIT;
    if (first_signal == 0) {
        first_signal = signal;
        first_ms = NowMs();
        control.Stop();
    } else if (person && NowMs() - first_ms >= kOneWishMs) {
        Leave(signal);
    }
}

void Handle(int signal, void (*handler)(int)) {
    struct sigaction action {};
    action.sa_handler = handler;
    action.sa_flags = SA_RESTART;
    sigemptyset(&action.sa_mask);
    sigaction(signal, &action, nullptr);
}

bool Ignored(int signal) {
    struct sigaction action {};
    return sigaction(signal, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
}

}  // namespace

void PrepareProcess() {
    for (int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
        if (fcntl(fd, F_GETFD) >= 0) continue;
        // The lowest free number is given, and those below are taken.
        const int flags = fd == STDERR_FILENO ? O_RDWR : O_RDONLY;
        (void)!open("/dev/null", flags);
    }
    Handle(SIGPIPE, SIG_IGN);
    Handle(SIGXFSZ, SIG_IGN);
}

RunControl& StopOnInterrupt() {
    Handle(SIGINT, OnInterrupt);
    return control;
}

RunControl& StopOnSignals() {
    for (int signal : {SIGTERM, SIGXCPU, SIGUSR1, SIGUSR2}) Handle(signal, OnStop);
    for (int signal : {SIGINT, SIGQUIT, SIGHUP})
        if (!Ignored(signal)) Handle(signal, OnStop);
    return control;
}

int StopExitCode() { return first_signal == 0 ? 0 : 128 + first_signal; }

void LeaveOnInterrupt(bool on) { leave_at_once = on; }

void RestoreTerminalOnSignal(const termios* state) {
    terminal_state = state;
    if (state == nullptr) return;
    for (int signal : {SIGTERM, SIGHUP, SIGQUIT})
        if (!Ignored(signal)) Handle(signal, OnEnd);
}

}  // namespace hone
