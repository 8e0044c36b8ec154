// What the one who started a run wants of it now: go on, hold, save and leave, or leave.
#pragma once

#include <atomic>

namespace hone {

// In the order of their weight: a run that was told to end is not told to go on any more.
enum class RunCommand : int {
    kGo,
    kPause,   // holds where it is; what was trained is saved first
    kStop,    // saves what was trained and leaves: the same command goes on from there
    kCancel,  // leaves; what was saved before stays
};

// The wish of the moment. Every call is made from any thread and from signal handlers: it is one
// operation on an atomic that needs no lock, which C++ allows there ([support.signal]).
class RunControl {
  public:
    RunControl() = default;
    RunControl(const RunControl&) = delete;
    RunControl& operator=(const RunControl&) = delete;

    // Ends a pause; without effect where there is none.
    void Go() { Change(RunCommand::kPause, RunCommand::kPause, RunCommand::kGo); }
    // Without effect once the end was asked for.
    void Pause() { Change(RunCommand::kGo, RunCommand::kGo, RunCommand::kPause); }
    // Without effect after a cancel.
    void Stop() { Change(RunCommand::kGo, RunCommand::kPause, RunCommand::kStop); }
    // Also after a stop: a run that saves a checkpoint finishes that.
    void Cancel() { Change(RunCommand::kGo, RunCommand::kStop, RunCommand::kCancel); }
    // For the next piece of work under the same control, such as the next answer of a chat.
    void Reset() { Change(RunCommand::kGo, RunCommand::kCancel, RunCommand::kGo); }

    RunCommand command() const { return command_.load(std::memory_order_relaxed); }
    // Whether the work is to end, one way or the other.
    bool ending() const { return command() >= RunCommand::kStop; }
    // Sleeps while the command is kPause, and returns the one that ended the pause.
    RunCommand WaitWhilePaused() const;

  private:
    // command = `to` where it is one of `first` to `last`.
    void Change(RunCommand first, RunCommand last, RunCommand to);
    std::atomic<RunCommand> command_{RunCommand::kGo};
    static_assert(std::atomic<RunCommand>::is_always_lock_free);
};

}  // namespace hone
