#include "cli/terminal/signals.h"

#include <signal.h>
#include <unistd.h>

namespace hone {
namespace {

std::atomic<int> interrupts{0};
std::atomic<bool> leave_at_once{false};
static_assert(std::atomic<int>::is_always_lock_free && std::atomic<bool>::is_always_lock_free);

// Only what POSIX allows in a signal handler.
void OnInterrupt(int) {
    constexpr char kRestore[] = "\x1b[0m\n";
    if (leave_at_once || ++interrupts >= 2) {
        if (isatty(STDERR_FILENO) == 1) (void)!write(STDERR_FILENO, kRestore, sizeof kRestore - 1);
        _exit(130);
    }
}

}  // namespace

const std::atomic<int>& CountInterrupts() {
    struct sigaction action {};
    action.sa_handler = OnInterrupt;
    action.sa_flags = SA_RESTART;
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, nullptr);
    return interrupts;
}

void ResetInterrupts() { interrupts = 0; }

void LeaveOnInterrupt(bool on) { leave_at_once = on; }

}  // namespace hone
