// The steps and evaluations.
#include <new>

#include "train/run/finetune_run.h"

namespace hone {

absl::Status FinetuneRun::Train() {
    const bool tensorboard = options_.report_to != "none";
    const std::string events = !tensorboard                   ? ""
                               : options_.logging_dir.empty() ? output_->logs()
                                                              : options_.logging_dir;
    HONE_ASSIGN_OR_RETURN(log_, RunLog::Open(output_->metrics(), events, trainer_->history()));
    const ScopedSink log_listens(events_, *log_);
    try {
        return trainer_->Run();
    } catch (const std::bad_alloc&) {
        return MemoryError(
            "not enough memory after step {}; the checkpoints written so far are whole. Use a "
            "smaller --micro_batch_tokens or --gradient_checkpointing true, or free some memory",
            trainer_->step());
    }
}

}  // namespace hone
