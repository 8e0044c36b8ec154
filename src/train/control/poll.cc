#include "train/control/poll.h"

#include "base/clock.h"

namespace hone {

bool Poll::Obey() {
    while (save_error_.ok() && control_.command() == RunCommand::kPause) {
        if (save_) save_error_ = save_();
        if (!save_error_.ok()) break;
        const double begin = NowSeconds();
        events_.Emit(RunPaused{});
        const RunCommand command = control_.WaitWhilePaused();
        const double seconds = NowSeconds() - begin;
        held_seconds_ += seconds;
        if (command == RunCommand::kGo) events_.Emit(RunResumed{seconds});
    }
    return save_error_.ok() && !control_.ending();
}

absl::Status Poll::Check() {
    if (GoOn()) return absl::OkStatus();
    return save_error_.ok() ? InterruptedError("interrupted") : save_error_;
}

}  // namespace hone
