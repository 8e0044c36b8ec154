// What a person sees of a fine-tuning run: the plan, one live line, the result. Plain lines where
// there is no terminal.
#pragma once

#include <cstdio>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "base/clock.h"
#include "cli/terminal/live_line.h"
#include "train/events/event_stream.h"

namespace hone {

// The plan as aligned lines: model, method, data, steps, memory, where the result will lie.
std::string PlanText(const RunPlan& plan);
// One step for the live line: bar, step, loss, tokens/s, memory, time left; as much as fits into
// `width` columns.
std::string LiveStepText(const StepReport& report, int width);
// The same while a step is done: `done` steps are, and `share` of the next one; `loss` of the last
// one, where there is one.
struct StepInProgress {
    int64_t done = 0, total_steps = 0;
    double share = 0;
    std::optional<double> loss;
    double remaining_s = 0;
};
std::string LiveProgressText(const StepInProgress& step, int width);
// "reading the model, 2.4 GB [####      ] 43 %, 12 s left".
std::string WorkText(const WorkReport& work, double elapsed_s);
// One step for a log: "step 10/50  epoch 0.4  loss 2.345 ...".
std::string PlainStepText(const StepReport& report);
std::string EvalText(const EvalReport& report);
// The end of a run: losses, time, where the result lies, and the command to try it.
std::string ResultText(const RunResult& result, const std::string& model_name_or_path);

// Shows pieces of work, one after the other, in a live line.
class WorkLine {
  public:
    // The references outlive this. `clock`: seconds.
    WorkLine(LiveLine& line, std::function<double()> clock)
        : line_(line), clock_(std::move(clock)) {}
    void Show(const WorkReport& work);

  private:
    LiveLine& line_;
    std::function<double()> clock_;
    std::string what_;
    double began_s_ = 0;
};

// Prints the events of a run to `stream`, standard output. Something is always seen: without a
// terminal a line at least every kSilenceSeconds. Errors are the command's to print.
class ProgressReporter : public EventSink {
  public:
    explicit ProgressReporter(std::string model_name_or_path, std::FILE* stream = stdout,
                              std::function<double()> clock = NowSeconds);

    absl::Status OnEvent(const Event& event) override;

  private:
    void Show(const RunMessage& message);
    void Show(const WorkReport& work) { work_.Show(work); }
    void Show(const RunPlan& plan);
    void Show(const StepProgress& progress);
    void Show(const StepReport& report);
    void Show(const EvalReport& report);
    void Show(const CheckpointSaved& saved);
    void Show(const RunPaused&);
    void Show(const RunResumed& resumed);
    void Show(const RunFinished& finished);
    // What needs no words, and the ends that the command's last line tells of.
    void Show(const StageChanged&) {}
    void Show(const RunFailed&) { line_.Clear(); }
    void Show(const RunCancelled&) { line_.Clear(); }
    void Show(const RunInterrupted&) { line_.Clear(); }

    LiveLine line_;
    WorkLine work_;
    std::string model_name_or_path_;
    std::function<double()> clock_;
    // Time left, as it was said last.
    double remaining_s_ = 0, remaining_at_s_ = 0;
    std::optional<double> loss_;
};

}  // namespace hone
