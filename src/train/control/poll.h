// What a run asks between two parts of its work: micro-batches, layers, blocks of rows, files.
#pragma once

#include <functional>

#include "base/status.h"
#include "train/control/run_control.h"
#include "train/events/event_stream.h"

namespace hone {

class Poll {
  public:
    // Both outlive this.
    Poll(const RunControl& control, EventStream& events) : control_(control), events_(events) {}
    Poll(const Poll&) = delete;
    Poll& operator=(const Poll&) = delete;

    // What is called before the run is held, so that nothing trained is lost meanwhile. An error
    // ends the run.
    void SaveBeforeHold(std::function<absl::Status()> save) { save_ = std::move(save); }

    // True: go on. While the run is paused the calling thread sleeps here, and events say so.
    // False: the run is to end.
    bool GoOn() { return control_.command() == RunCommand::kGo ? save_error_.ok() : Obey(); }
    // The same as a status: kInterrupted where the run is to end, or the error of a save.
    absl::Status Check();
    const absl::Status& save_error() const { return save_error_; }
    bool cancelled() const { return control_.command() == RunCommand::kCancel; }
    // Seconds that stood still so far: they count for no speed.
    double held_seconds() const { return held_seconds_; }

  private:
    bool Obey();
    const RunControl& control_;
    EventStream& events_;
    std::function<absl::Status()> save_;
    absl::Status save_error_;
    double held_seconds_ = 0;
};

}  // namespace hone
