// Signals, and the standard streams: what ends a command, and what must not.
#pragma once

#include <termios.h>

#include "train/control/run_control.h"

namespace hone {

// At the start of the process. A standard descriptor that is closed becomes /dev/null, so that no
// file gets its number and with it what is meant for a terminal: what is written to a closed
// standard output is an error, as before. A reader that went away (`| head`) and a file that may
// not grow (ulimit -f) are errors of a write, not signals that end the process.
void PrepareProcess();

// SIGINT asks for a stop, so that work can end in order; the second one leaves at once, with 130.
//
// Installs the handler (once; later calls change nothing) and returns what it asks: the one control
// of the process.
RunControl& StopOnInterrupt();
// The same for work that would be lost: also SIGTERM (kill, docker stop, shutdown), SIGHUP (a
// terminal or ssh that closed), SIGQUIT, SIGXCPU (ulimit -t), SIGUSR1 and SIGUSR2 (what batch
// systems send before the time is up). Those that a shell had ignored (nohup, `&`) stay so. Only
// SIGINT and SIGQUIT, from a person, leave at once at the second, and only some time after the
// first: `timeout` and terminals send one signal twice.
RunControl& StopOnSignals();
// 128 + the first signal that asked StopOnSignals' control, as a shell says it; 0: none did.
int StopExitCode();
// While on, the first interrupt leaves too: nothing is running that would have to end in order.
void LeaveOnInterrupt(bool on);

// The terminal of standard input goes back to this state before a signal ends the process (also
// SIGTERM, SIGHUP and SIGQUIT from now on); null: it stays as it is. `state` must outlive the
// process or be withdrawn.
void RestoreTerminalOnSignal(const termios* state);

}  // namespace hone
