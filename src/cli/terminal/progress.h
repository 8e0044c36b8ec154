// What a person sees of a fine-tuning run: the plan, one live line, the result. Plain lines where
// there is no terminal.
#pragma once

#include <string>

#include "cli/terminal/live_line.h"
#include "train/finetune.h"

namespace hone {

// The plan as aligned lines: model, method, data, steps, memory, where the result will lie.
std::string PlanText(const RunPlan& plan);
// One step for the live line: bar, step, loss, tokens/s, memory, time left; as much as fits into
// `width` columns.
std::string LiveStepText(const StepReport& report, int width);
// One step for a log: "step 10/50  epoch 0.4  loss 2.345 ...".
std::string PlainStepText(const StepReport& report);
std::string EvalText(const EvalReport& report);
// The end of a run: losses, time, where the result lies, and the command to try it.
std::string ResultText(const RunResult& result, const std::string& model_name_or_path);

// Prints to standard output.
class ProgressReporter : public Reporter {
  public:
    explicit ProgressReporter(std::string model_name_or_path);

    void OnMessage(MessageLevel level, const std::string& text) override;
    void OnPlan(const RunPlan& plan) override;
    void OnStep(const StepReport& report) override;
    void OnEvalProgress(double share_done) override;
    void OnEval(const EvalReport& report) override;
    void OnCheckpoint(int64_t step, const std::string& folder) override;
    void OnDone(const RunResult& result) override;

  private:
    LiveLine line_;
    std::string model_name_or_path_;
};

}  // namespace hone
