#include "train/finetune.h"

#include <utility>

#include "base/error_report.h"
#include "train/loop/checkpoint.h"
#include "train/run/finetune_run.h"

namespace hone {
namespace {

// What a run measures before step 1: a fraction of a second, which nobody waits for.
constexpr int64_t kQuickProbeTokens = 128;
// What an estimate measures: as much as training takes at a time.
constexpr int64_t kThoroughProbeTokens = 1 << 20;

}  // namespace

absl::Status FinetuneRun::Run() {
    const absl::Status valid = ValidateRun();
    if (options_.output_path.empty()) return valid;  // it says so
    HONE_RETURN_IF_ERROR(ClaimOutput());
    if (options_.dry_run) {
        HONE_RETURN_IF_ERROR(valid);
        HONE_RETURN_IF_ERROR(WriteConfig());
        Say(fmt::format("dry run: the configuration is in {}, nothing was run",
                        output_->config_json()));
        return NothingToDo({});
    }
    record_ = std::make_unique<RunRecord>(*output_,
                                          !ListCheckpoints(output_->checkpoints()).empty(), facts_);
    record_listens_.emplace(events_, *record_);

    HONE_RETURN_IF_ERROR(Enter(RunStage::kValidating));
    HONE_RETURN_IF_ERROR(valid);
    if (options_.save_config_file) HONE_RETURN_IF_ERROR(WriteConfig());
    HONE_RETURN_IF_ERROR(OpenInputs());

    HONE_RETURN_IF_ERROR(Enter(RunStage::kLoading));
    HONE_RETURN_IF_ERROR(Load());
    HONE_RETURN_IF_ERROR(Resume());
    if (Finished()) {
        Say(
            fmt::format("{} holds this run, finished after {} steps: nothing is changed. For "
                        "another run give another --output_path",
                        output_->path(), trainer_->step()));
        return NothingToDo(Result());
    }
    HONE_RETURN_IF_ERROR(record_->Accept([this] { return Result(); }));
    HONE_RETURN_IF_ERROR(Announce(kQuickProbeTokens));

    HONE_RETURN_IF_ERROR(Enter(RunStage::kTraining));
    HONE_RETURN_IF_ERROR(Train());

    HONE_RETURN_IF_ERROR(Enter(RunStage::kDelivering));
    return Deliver();
}

absl::Status FinetuneRun::ValidateRun() const {
    if (!options_.task_data.empty())
        return UsageError(
            "--task_data is several runs, which `hone finetune` does one after another; here it is "
            "one: name its rows with --data_name");
    return ValidateOptions(options_);
}

absl::Status FinetuneRun::Estimate() {
    HONE_RETURN_IF_ERROR(ValidateRun());
    HONE_RETURN_IF_ERROR(ClaimOutput());
    HONE_RETURN_IF_ERROR(Enter(RunStage::kValidating));
    HONE_RETURN_IF_ERROR(OpenInputs());
    HONE_RETURN_IF_ERROR(Enter(RunStage::kLoading));
    HONE_RETURN_IF_ERROR(Load());
    HONE_RETURN_IF_ERROR(Resume());
    return Announce(kThoroughProbeTokens);
}

absl::Status FinetuneRun::Fail(absl::Status why) {
    const bool asked = KindOf(why) == ErrorKind::kInterrupted;
    const bool cancelled = asked && poll_.cancelled();
    const bool begun = trainer_ != nullptr && log_ != nullptr;
    if (asked && !begun) {
        why = InterruptedError(
            cancelled ? std::string("cancelled before a step was done")
                      : fmt::format("interrupted before a step was done; {} is as it was, and the "
                                    "same command starts again",
                                    options_.output_path));
    } else if (asked && events_.stage() == RunStage::kDelivering) {
        why = InterruptedError(fmt::format(
            "{} before the result was written; {}/step-{} holds all {} steps, and the same command "
            "goes on from there",
            cancelled ? "cancelled" : "interrupted", output_->checkpoints(), trainer_->step(),
            trainer_->step()));
    }
    if (record_ != nullptr) {
        if (asked && !cancelled && !begun) record_->Withdraw();
        // The error that ended the run is the one to report; this file is a courtesy.
        record_
            ->End(cancelled ? RunStatus::kCancelled
                  : asked   ? RunStatus::kInterrupted
                            : RunStatus::kFailed,
                  why)
            .IgnoreError();
    }
    const std::string message(why.message());
    if (cancelled) {
        events_.Emit(RunCancelled{message});
    } else if (asked) {
        events_.Emit(RunInterrupted{message});
    } else {
        events_.Emit(RunFailed{std::string(ErrorCode(KindOf(why))), message, ExitCode(why)});
    }
    return why;
}

absl::Status FinetuneRun::NothingToDo(RunResult result) {
    events_.Emit(RunFinished{.trained = false, .result = std::move(result)});
    return absl::OkStatus();
}

absl::Status FinetuneRun::Enter(RunStage stage) {
    events_.EnterStage(stage);
    HONE_RETURN_IF_ERROR(events_.status());
    return poll_.Check();
}

Watcher FinetuneRun::Shown(WorkReport work, double from, double to) {
    work.share = from;
    events_.Emit(work);
    return [this, work, from, to](double share, int64_t) mutable {
        work.share = from + share * (to - from);
        events_.Emit(work);
        return poll_.GoOn();
    };
}

absl::Status Finetune(const FinetuneOptions& options, EventStream& events,
                      const RunControl& control, SharedBase* base) {
    FinetuneRun run(options, events, control, base);
    absl::Status status;
    try {
        status = run.Run();
    } catch (const std::exception&) {
        status = StatusOfException();
    }
    if (!status.ok()) return run.Fail(std::move(status));
    run.LeaveBase();
    return status;
}

absl::Status EstimateFinetune(const FinetuneOptions& options, EventStream& events,
                              const RunControl& control) {
    FinetuneRun run(options, events, control);
    absl::Status status;
    try {
        status = run.Estimate();
    } catch (const std::exception&) {
        status = StatusOfException();
    }
    return status.ok() ? status : run.Fail(std::move(status));
}

}  // namespace hone
