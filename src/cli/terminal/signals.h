// SIGINT: counted, so that work can end in order; the second one leaves at once.
#pragma once

#include <atomic>

namespace hone {

// Installs the handler (once; later calls change nothing) and returns the count of interrupts since
// the last ResetInterrupts. At the second the process leaves with 130.
const std::atomic<int>& CountInterrupts();
// Starts a new count: a chat's answer was cancelled, and the chat goes on.
void ResetInterrupts();
// While on, the first interrupt leaves too: nothing is running that would have to end in order.
void LeaveOnInterrupt(bool on);

}  // namespace hone
