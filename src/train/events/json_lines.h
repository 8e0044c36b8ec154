// The events as JSON lines on a file descriptor: what `hone worker` writes.
#pragma once

#include "train/events/event_stream.h"

namespace hone {

// Writes EventLine of each event, whole. Where nobody reads any more (a closed pipe) or nothing can
// be written, the rest is dropped: that is no reason to lose a run. A pipe that is full is waited
// for: a reader must read. The descriptor stays open and the caller's.
class JsonLineSink : public EventSink {
  public:
    explicit JsonLineSink(int fd) : fd_(fd) {}
    absl::Status OnEvent(const Event& event) override;

  private:
    int fd_;
    bool broken_ = false;
};

}  // namespace hone
