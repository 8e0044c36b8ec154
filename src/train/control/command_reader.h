// Commands to a run as lines from a file descriptor: what `hone worker` is told.
#pragma once

#include <string>
#include <thread>

#include "train/control/run_control.h"
#include "train/events/event_stream.h"

namespace hone {

// Reads lines on a thread of its own and does what they say: `pause`, `go`, `cancel`, `stop`.
// Anything else is a warning among the events. The end of the input is no command: the run goes on.
// The descriptor stays open and the caller's.
class CommandReader {
  public:
    // Both references outlive this.
    CommandReader(int fd, RunControl& control, EventStream& events);
    // Ends the thread; what it has not read yet stays unread.
    ~CommandReader();
    CommandReader(const CommandReader&) = delete;
    CommandReader& operator=(const CommandReader&) = delete;

  private:
    void Read();
    void Obey(const std::string& line);

    int fd_;
    RunControl& control_;
    EventStream& events_;
    int wake_;  // an eventfd that the destructor writes to
    std::thread thread_;
};

}  // namespace hone
