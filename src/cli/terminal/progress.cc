#include "cli/terminal/progress.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/text/text.h"
#include "train/output/try_command.h"

namespace hone {
namespace {

std::string Row(std::string_view name, const std::string& value) {
    return fmt::format("  {:<10} {}\n", name, value);
}

// The lines of the data's own summary that say more than the numbers of rows and tokens.
std::string DataNotes(const std::string& summary) {
    std::string notes;
    for (size_t begin = 0; begin < summary.size();) {
        const size_t end = std::min(summary.find('\n', begin), summary.size());
        const std::string line = summary.substr(begin, end - begin);
        const bool counts = line.starts_with("training:") || line.starts_with("evaluation:");
        if (!counts && !line.empty()) notes += Row("", line);
        begin = end + 1;
    }
    return notes;
}

std::string TimeLeft(double seconds) { return fmt::format("{} left", FormatDuration(seconds)); }

// A bar and as many of the parts as fit into `width` columns.
std::string BarAndParts(double share, const std::vector<std::string>& parts, int width) {
    std::string text = ProgressBar(share, std::clamp(width / 5, 5, 30));
    for (const std::string& part : parts) {
        if (DisplayWidth(text) + 2 + DisplayWidth(part) > width) break;
        text += "  " + part;
    }
    return text;
}

// "rewards 0.31 apart, 75 % in order" of a preference; empty: the objective has none.
std::string RewardsText(const MetricValues& metrics) {
    std::string text;
    for (const auto& [name, value] : metrics) {
        if (name == "rewards/margins") text = fmt::format("rewards {:.3g} apart{}", value, text);
        if (name == "rewards/accuracies") text += fmt::format(", {:.0f} % in order", 100 * value);
    }
    return text.starts_with(',') ? "" : text;
}

std::string Rate(double tokens_per_second) {
    return fmt::format("{} tokens/s", FormatCount(std::llround(std::min(tokens_per_second, 1e12))));
}

}  // namespace

std::string PlanText(const RunPlan& plan) {
    std::string text = fmt::format("Fine-tuning {}\n", plan.model);
    text += Row("model", fmt::format("{}, {} parameters, computing in {} on {} thread{}",
                                     plan.architecture, FormatCount(plan.base_parameters),
                                     plan.compute, plan.threads, plan.threads == 1 ? "" : "s"));
    text += Row("method", plan.method);
    if (!plan.objective.empty()) text += Row("objective", plan.objective);
    const double share = plan.base_parameters > 0
                             ? 100.0 * static_cast<double>(plan.trainable_parameters) /
                                   static_cast<double>(plan.base_parameters)
                             : 0;
    text += Row("trains", fmt::format("{} parameters, {:.2f} % of the model's",
                                      FormatCount(plan.trainable_parameters), share));
    text += Row("data", fmt::format("{} rows, {} tokens, {} of them with loss",
                                    FormatCount(plan.train_rows), FormatCount(plan.train_tokens),
                                    FormatCount(plan.train_labelled_tokens)));
    text += Row("evaluation", plan.eval_rows > 0
                                  ? fmt::format("{} rows, {} tokens", FormatCount(plan.eval_rows),
                                                FormatCount(plan.eval_tokens))
                                  : "none");
    text += DataNotes(plan.data_summary);
    std::string steps = fmt::format(
        "{} of {} ({:.2f} epochs of {} steps), at most {} tokens through the model at "
        "a time",
        FormatCount(plan.total_steps), plan.step_batch, plan.epochs,
        FormatCount(plan.steps_per_epoch), FormatCount(plan.micro_batch_tokens));
    if (plan.start_step > 0)
        steps += fmt::format("; continues after step {}", FormatCount(plan.start_step));
    text += Row("steps", steps);
    text += Row("memory",
                fmt::format("needs {} more, {} free; {} in all{}", FormatBytes(plan.to_come_bytes),
                            FormatBytes(plan.available_bytes), FormatBytes(plan.needed_bytes),
                            plan.gradient_checkpointing ? ", with gradient checkpointing" : ""));
    if (plan.free_disk_bytes > 0)
        text += Row("disk",
                    fmt::format("at most {} for checkpoints and the result, {} free",
                                FormatBytes(plan.disk_bytes), FormatBytes(plan.free_disk_bytes)));
    if (plan.estimated_seconds > 0) {
        text += Row("time", fmt::format("about {}", FormatDuration(plan.estimated_seconds)));
    }
    text += Row("output", plan.output_path);
    return text;
}

std::string LiveStepText(const StepReport& report, int width) {
    const double share = report.total_steps > 0 ? static_cast<double>(report.step) /
                                                      static_cast<double>(report.total_steps)
                                                : 0;
    // In the order of what a person wants to know; the rest is left out on a narrow terminal.
    std::vector<std::string> parts = {
        fmt::format("{}/{}", report.step, report.total_steps),
        fmt::format("loss {:.3f}", report.step_loss),
        Rate(report.tokens_per_second),
        FormatBytes(report.memory_bytes),
    };
    if (std::string rewards = RewardsText(report.metrics); !rewards.empty())
        parts.insert(parts.begin() + 2, std::move(rewards));
    if (report.step < report.total_steps) parts.push_back(TimeLeft(report.remaining_s));
    return BarAndParts(share, parts, width);
}

std::string LiveProgressText(const StepInProgress& step, int width) {
    const double whole = static_cast<double>(std::max<int64_t>(1, step.total_steps));
    std::vector<std::string> parts = {
        fmt::format("{}/{}", step.done, step.total_steps),
        fmt::format("step {} at {:.0f} %", step.done + 1, 100 * step.share)};
    if (step.loss) parts.push_back(fmt::format("loss {:.3f}", *step.loss));
    if (step.remaining_s > 0) parts.push_back(TimeLeft(step.remaining_s));
    return BarAndParts((static_cast<double>(step.done) + step.share) / whole, parts, width);
}

std::string WorkText(const WorkReport& work, double elapsed_s) {
    std::string text = work.what;
    if (!work.detail.empty()) text += ", " + work.detail;
    if (work.share < 0) return text + " ...";
    text += fmt::format(" {} {:.0f} %", ProgressBar(work.share, 20), 100 * work.share);
    // Before that it is a guess.
    constexpr double kLeastShare = 0.02, kLeastSeconds = 0.5;
    if (work.share >= kLeastShare && work.share < 1 && elapsed_s >= kLeastSeconds)
        text += ", " + TimeLeft(elapsed_s / work.share * (1 - work.share));
    return text;
}

std::string PlainStepText(const StepReport& report) {
    std::string rewards = RewardsText(report.logged ? report.logged->metrics : report.metrics);
    if (!rewards.empty()) rewards += "  ";
    std::string text = fmt::format(
        "step {}/{}  epoch {:.2f}  loss {:.4f}  {}learning rate {:.3g}  grad norm {:.3g}  {}  {}",
        report.step, report.total_steps, report.epoch, report.loss, rewards, report.learning_rate,
        report.grad_norm, Rate(report.tokens_per_second), FormatBytes(report.memory_bytes));
    if (report.step < report.total_steps) text += "  " + TimeLeft(report.remaining_s);
    return text;
}

std::string EvalText(const EvalReport& report) {
    std::string rewards = RewardsText(report.metrics);
    if (!rewards.empty()) rewards += ", ";
    return fmt::format(
        "evaluation after step {}: loss {:.4f}, {}perplexity {:.2f}, token accuracy {:.1f} %{}",
        report.step, report.loss, rewards, report.perplexity, 100 * report.token_accuracy,
        report.best ? " (best so far)" : "");
}

std::string ResultText(const RunResult& result, const std::string& model_name_or_path) {
    std::string text =
        fmt::format("\nDone: {} steps in {}, {}, at most {} of memory", FormatCount(result.steps),
                    FormatDuration(result.seconds), Rate(result.tokens_per_second),
                    FormatBytes(result.peak_memory_bytes));
    text += result.stopped_early ? fmt::format("; stopped early: {}\n", result.stop_reason) : "\n";
    text += Row("training", fmt::format("loss {:.4f}", result.train_loss));
    if (result.last_eval) {
        std::string losses = fmt::format("{:.4f}", result.last_eval->loss);
        if (result.first_eval && result.first_eval->step != result.last_eval->step) {
            losses = fmt::format("{:.4f} -> {}", result.first_eval->loss, losses);
        }
        if (result.best_eval && result.best_eval->step != result.last_eval->step) {
            losses += fmt::format(", best {:.4f} at step {}", result.best_eval->loss,
                                  result.best_eval->step);
        }
        text += Row("evaluation", "loss " + losses);
    }
    std::string artifact = result.artifact_path;
    if (result.best_step > 0) artifact += fmt::format(" (of step {}, the best)", result.best_step);
    text += Row(result.artifact, artifact);
    text += Row("reports", result.output_path + "/README.md, metrics.jsonl, run.json");
    return text + fmt::format("Try it:\n  {}\n", TryCommand(result, model_name_or_path));
}

void WorkLine::Show(const WorkReport& work) {
    const bool begins = work.what != what_;
    if (begins || work.share == 0) began_s_ = clock_();  // the same again, as evaluations are
    if (begins) {
        what_ = work.what;
        if (work.announced && !line_.interactive()) {
            line_.Say(WorkText({.what = work.what, .detail = work.detail, .share = -1}, 0));
            return;
        }
    }
    // Elsewhere than on a terminal Show itself waits for its time.
    if (line_.Due() || (begins && line_.interactive()))
        line_.Show(WorkText(work, clock_() - began_s_));
}

ProgressReporter::ProgressReporter(std::string model_name_or_path, std::FILE* stream,
                                   std::function<double()> clock)
    : line_(stream, clock),
      work_(line_, clock),
      model_name_or_path_(std::move(model_name_or_path)),
      clock_(std::move(clock)) {}

absl::Status ProgressReporter::OnEvent(const Event& event) {
    std::visit([this](const auto& body) { Show(body); }, event.body);
    return absl::OkStatus();
}

void ProgressReporter::Show(const RunMessage& message) {
    const bool colours = line_.terminal().colours;
    if (message.level == MessageLevel::kInfo) {
        line_.Say(message.text);
    } else {
        line_.Say(fmt::format("{}warning:{} {}", colours ? "\x1b[33m" : "",
                              colours ? "\x1b[0m" : "", message.text));
    }
}

void ProgressReporter::Show(const RunPlan& plan) {
    line_.Clear();
    std::string text = PlanText(plan);
    text.pop_back();
    line_.Say(text);
    remaining_s_ = plan.estimated_seconds;
    remaining_at_s_ = clock_();
}

void ProgressReporter::Show(const StepProgress& progress) {
    // The bar of a run whose first step has not begun is worth being seen at once.
    const bool begins = progress.share == 0 && line_.interactive() && !loss_;
    if (!begins && !line_.Due()) return;
    const int width = line_.interactive() ? line_.terminal().width - 1 : line_.terminal().width;
    line_.Show(LiveProgressText({.done = progress.step - 1,
                                 .total_steps = progress.total_steps,
                                 .share = progress.share,
                                 .loss = loss_,
                                 .remaining_s = remaining_s_ - (clock_() - remaining_at_s_)},
                                width));
}

void ProgressReporter::Show(const StepReport& report) {
    loss_ = report.step_loss;
    remaining_s_ = report.remaining_s;
    remaining_at_s_ = clock_();
    if (line_.interactive()) {
        line_.Show(LiveStepText(report, line_.terminal().width - 1));
    } else if (report.logged || line_.Due()) {
        line_.Say(PlainStepText(report));
    }
}

void ProgressReporter::Show(const EvalReport& report) {
    line_.Clear();
    line_.Say(EvalText(report));
}

void ProgressReporter::Show(const CheckpointSaved& saved) {
    line_.Say(fmt::format("checkpoint of step {}: {}", saved.step, saved.folder));
}

void ProgressReporter::Show(const RunPaused&) {
    line_.Clear();
    line_.Say("paused");
}

void ProgressReporter::Show(const RunResumed& resumed) {
    line_.Say(fmt::format("going on after {}", FormatDuration(resumed.paused_seconds)));
    remaining_at_s_ += resumed.paused_seconds;
}

void ProgressReporter::Show(const RunFinished& finished) {
    line_.Clear();
    if (!finished.trained) return;  // a message said why
    std::string text = ResultText(finished.result, model_name_or_path_);
    text.pop_back();
    line_.Say(text);
}

}  // namespace hone
