#include "train/control/run_control.h"

namespace hone {

void RunControl::Change(RunCommand first, RunCommand last, RunCommand to) {
    RunCommand now = command();
    while (now >= first && now <= last && now != to) {
        if (!command_.compare_exchange_weak(now, to)) continue;
        command_.notify_all();
        return;
    }
}

RunCommand RunControl::WaitWhilePaused() const {
    for (;;) {
        const RunCommand now = command();
        if (now != RunCommand::kPause) return now;
        command_.wait(now);
    }
}

}  // namespace hone
