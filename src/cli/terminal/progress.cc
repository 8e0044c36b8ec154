#include "cli/terminal/progress.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace hone {
namespace {

std::string Row(std::string_view name, const std::string& value) {
    return fmt::format("  {:<10} {}\n", name, value);
}

// For a shell: quoted if it holds anything but plain characters.
std::string ShellWord(const std::string& word) {
    constexpr std::string_view kPlain =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./-+:@%,=";
    if (!word.empty() && word.find_first_not_of(kPlain) == std::string::npos) return word;
    std::string quoted = "'";
    for (char c : word) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
    return quoted + "'";
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
                fmt::format("needs {}, {} free{}", FormatBytes(plan.needed_bytes),
                            FormatBytes(plan.available_bytes),
                            plan.gradient_checkpointing ? ", with gradient checkpointing" : ""));
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
    const std::string parts[] = {
        fmt::format("{}/{}", report.step, report.total_steps),
        fmt::format("loss {:.3f}", report.step_loss),
        Rate(report.tokens_per_second),
        FormatBytes(report.memory_bytes),
        fmt::format("{} left", FormatDuration(report.remaining_s)),
    };
    std::string text = ProgressBar(share, std::clamp(width / 5, 5, 30));
    for (const std::string& part : parts) {
        if (DisplayWidth(text) + 2 + DisplayWidth(part) > width) break;
        text += "  " + part;
    }
    return text;
}

std::string PlainStepText(const StepReport& report) {
    return fmt::format(
        "step {}/{}  epoch {:.2f}  loss {:.4f}  learning rate {:.3g}  grad norm {:.3g}  {}  {}  {} "
        "left",
        report.step, report.total_steps, report.epoch, report.loss, report.learning_rate,
        report.grad_norm, Rate(report.tokens_per_second), FormatBytes(report.memory_bytes),
        FormatDuration(report.remaining_s));
}

std::string EvalText(const EvalReport& report) {
    return fmt::format(
        "evaluation after step {}: loss {:.4f}, perplexity {:.2f}, token accuracy {:.1f} %{}",
        report.step, report.loss, report.perplexity, 100 * report.token_accuracy,
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
    if (result.artifact == "model") {
        return text + fmt::format("Try it:\n  hone chat --model_name_or_path {}\n",
                                  ShellWord(result.artifact_path));
    }
    text += fmt::format("Try it:\n  hone chat --model_name_or_path {} --adapter_path {}\n",
                        ShellWord(model_name_or_path), ShellWord(result.artifact_path));
    return text;
}

ProgressReporter::ProgressReporter(std::string model_name_or_path)
    : line_(stdout), model_name_or_path_(std::move(model_name_or_path)) {}

void ProgressReporter::OnMessage(MessageLevel level, const std::string& text) {
    const bool colours = line_.terminal().colours;
    if (level == MessageLevel::kInfo) {
        line_.Say(text);
    } else {
        line_.Say(fmt::format("{}warning:{} {}", colours ? "\x1b[33m" : "",
                              colours ? "\x1b[0m" : "", text));
    }
}

void ProgressReporter::OnPlan(const RunPlan& plan) {
    std::string text = PlanText(plan);
    text.pop_back();
    line_.Say(text);
}

void ProgressReporter::OnStep(const StepReport& report) {
    if (line_.interactive()) {
        line_.Show(LiveStepText(report, line_.terminal().width - 1));
    } else if (report.logged) {
        line_.Say(PlainStepText(report));
    }
}

void ProgressReporter::OnEvalProgress(double share_done) {
    line_.Show(
        fmt::format("evaluating {} {:.0f} %", ProgressBar(share_done, 20), 100 * share_done));
}

void ProgressReporter::OnEval(const EvalReport& report) {
    line_.Clear();
    line_.Say(EvalText(report));
}

void ProgressReporter::OnCheckpoint(int64_t step, const std::string& folder) {
    line_.Say(fmt::format("checkpoint of step {}: {}", step, folder));
}

void ProgressReporter::OnDone(const RunResult& result) {
    line_.Clear();
    std::string text = ResultText(result, model_name_or_path_);
    text.pop_back();
    line_.Say(text);
}

}  // namespace hone
