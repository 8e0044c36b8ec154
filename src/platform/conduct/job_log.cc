#include "platform/conduct/job_log.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_split.h"
#include "base/files/file.h"
#include "base/log.h"
#include "platform/conduct/model_name.h"
#include "platform/store/database.h"
#include "platform/store/ids.h"

namespace hone::platform {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kMaxMetricsBytes = size_t{1} << 30;

struct CheckpointRow {
    int64_t seq = 0;
    std::string model, metrics;
};
auto ColumnsOf(CheckpointRow& row) { return std::tie(row.seq, row.model, row.metrics); }

std::string Decimals(std::optional<double> value) {
    return value && std::isfinite(*value) ? fmt::format("{:.5f}", *value) : std::string();
}

// By what the best checkpoint is told: smaller is better.
double LossOf(const std::string& metrics_text) {
    const CheckpointMetrics metrics = MetricsOf(metrics_text);
    return metrics.full_valid_loss.value_or(metrics.train_loss.value_or(INFINITY));
}

std::optional<double> NumberOf(const Json& row, const char* name) {
    const auto found = row.find(name);
    if (found == row.end() || !found->is_number()) return std::nullopt;
    return found->get<double>();
}

}  // namespace

absl::StatusOr<std::vector<StepMetrics>> ReadMetrics(const std::string& path) {
    HONE_ASSIGN_OR_RETURN(const std::string text, ReadFile(path, kMaxMetricsBytes));
    std::vector<StepMetrics> steps;
    for (const std::string& line : std::vector<std::string>(absl::StrSplit(text, '\n'))) {
        const Json row = Json::parse(line, nullptr, false);
        if (!row.is_object()) continue;  // the end of a file that breaks off
        const auto step = static_cast<int64_t>(NumberOf(row, "step").value_or(0));
        if (const auto loss = NumberOf(row, "eval_loss")) {
            if (steps.empty() || steps.back().step != step) continue;
            steps.back().full_valid_loss = loss;
            steps.back().full_valid_accuracy = NumberOf(row, "eval_token_accuracy");
        } else {
            steps.push_back({.step = step,
                             .train_loss = NumberOf(row, "loss").value_or(NAN),
                             .train_accuracy = NumberOf(row, "token_accuracy").value_or(NAN),
                             .valid_loss = NumberOf(row, "eval_sample_loss"),
                             .valid_accuracy = NumberOf(row, "eval_sample_token_accuracy"),
                             .learning_rate = NumberOf(row, "learning_rate"),
                             .grad_norm = NumberOf(row, "grad_norm"),
                             .tokens_per_second = NumberOf(row, "tokens_per_second")});
        }
    }
    return steps;
}

std::string MetricsCsv(const std::vector<StepMetrics>& steps) {
    std::string csv = "step,train_loss,train_accuracy,valid_loss,valid_mean_token_accuracy\n";
    for (const StepMetrics& one : steps)
        csv += fmt::format("{},{},{},{},{}\n", one.step, Decimals(one.train_loss),
                           Decimals(one.train_accuracy), Decimals(one.valid_loss),
                           Decimals(one.valid_accuracy));
    return csv;
}

JobLog::JobLog(Services& services, Models& models, JobRecord record, std::string run)
    : services_(services),
      models_(models),
      record_(std::move(record)),
      run_(std::move(run)),
      noted_step_(record_.job.step) {}

void JobLog::Take(const Event& event) {
    if (const auto* plan = std::get_if<RunPlan>(&event.body)) TakePlan(*plan);
    if (const auto* step = std::get_if<StepReport>(&event.body)) TakeStep(*step);
    if (const auto* evaluation = std::get_if<EvalReport>(&event.body)) TakeEvaluation(*evaluation);
    if (const auto* checkpoint = std::get_if<CheckpointSaved>(&event.body))
        TakeCheckpoint(*checkpoint);
    if (EndsRun(event.body)) CloseStep();
}

void JobLog::TakePlan(const RunPlan& plan) {
    total_steps_ = plan.total_steps;
    trained_tokens_ = std::llround(static_cast<double>(plan.train_tokens) * plan.epochs);
    remaining_seconds_ = plan.estimated_seconds;
}

void JobLog::Note(const StepMetrics& metrics) {
    noted_step_ = metrics.step;
    last_metrics_ = {metrics.train_loss,     metrics.train_accuracy,  metrics.valid_loss,
                     metrics.valid_accuracy, metrics.full_valid_loss, metrics.full_valid_accuracy};
    noted_.push_back(metrics);
}

void JobLog::CloseStep() {
    if (open_) Note(*open_);
    open_.reset();
}

void JobLog::TakeStep(const StepReport& report) {
    CloseStep();
    remaining_seconds_ = report.remaining_s;
    peak_memory_bytes_ =
        std::max(peak_memory_bytes_, static_cast<int64_t>(report.peak_memory_bytes));
    CatchUp(report.step - 1);
    if (report.step <= noted_step_) return;  // done before a crash, and done again to the same bits
    StepMetrics metrics;
    metrics.step = report.step;
    metrics.train_loss = report.step_loss;
    metrics.train_accuracy = report.token_accuracy;
    metrics.learning_rate = report.learning_rate;
    metrics.grad_norm = report.grad_norm;
    metrics.tokens_per_second = report.tokens_per_second;
    if (report.eval_sample) {
        metrics.valid_loss = report.eval_sample->loss;
        metrics.valid_accuracy = report.eval_sample->token_accuracy;
    }
    if (!record_.job.validation_file.empty() && EndsEpoch(report.step))
        open_ = metrics;
    else
        Note(metrics);
}

void JobLog::TakeEvaluation(const EvalReport& report) {
    if (!open_ || open_->step != report.step) return;
    open_->full_valid_loss = report.loss;
    open_->full_valid_accuracy = report.token_accuracy;
    CloseStep();
}

void JobLog::CatchUp(int64_t last) {
    CloseStep();
    if (last <= noted_step_) return;
    const auto steps = ReadMetrics(run_ + "/metrics.jsonl");
    if (!steps.ok()) {
        spdlog::warn("{}: {}", record_.job.id, std::string(steps.status().message()));
        return;
    }
    for (const StepMetrics& metrics : *steps)
        if (metrics.step > noted_step_ && metrics.step <= last) Note(metrics);
}

void JobLog::TakeCheckpoint(const CheckpointSaved& saved) {
    CloseStep();
    const bool wanted = EndsEpoch(saved.step) || keep_next_;
    if (!wanted || saved.step >= total_steps_) return;  // the last one is the model itself
    keep_next_ = false;
    auto folder = models_.Keep(saved.folder);  // before the worker removes it
    if (!folder.ok()) {
        spdlog::warn("{}: {}", record_.job.id, std::string(folder.status().message()));
        return;
    }
    noted_.push_back(KeptCheckpoint{saved.step, *std::move(folder), last_metrics_});
}

absl::Status JobLog::Flush(bool last) {
    std::vector<std::string> removed;
    std::optional<JobRecord> seen;
    bool wrote = false;
    HONE_RETURN_IF_ERROR(services_.database.Write([&](Sql& sql) -> absl::Status {
        seen = FindJob(sql, record_.job.id);
        removed.clear();
        // Over, or even deleted, while its worker was still at work: nothing more is kept of it but
        // what it took.
        const bool over = !seen || IsTerminal(seen->job.status);
        for (const auto& one : noted_)
            if (const auto* checkpoint = std::get_if<KeptCheckpoint>(&one); checkpoint && over)
                removed.push_back(checkpoint->folder);
        const bool replanned = seen && total_steps_ > 0 && total_steps_ != seen->job.total_steps;
        wrote = seen && (last || (!over && (replanned || !noted_.empty())));
        if (!wrote) return absl::OkStatus();
        if (!over) WriteNoted(sql, *seen, removed);
        Job& job = seen->job;
        job.peak_memory_bytes = std::max(job.peak_memory_bytes, peak_memory_bytes_);
        job.cpu_ms += cpu_ms_;
        UpdateJob(sql, *seen);
        return absl::OkStatus();
    }));
    noted_.clear();
    if (seen) record_ = *std::move(seen);
    for (const std::string& folder : removed) models_.RemoveFolder(folder);
    if (wrote) {
        cpu_ms_ = 0;
        services_.bulletin.Post(record_.job.project, record_.job.id);
    }
    return absl::OkStatus();
}

void JobLog::WriteNoted(Sql& sql, JobRecord& record, std::vector<std::string>& removed) {
    Job& job = record.job;
    const int64_t now = services_.Now();
    if (total_steps_ > 0) job.total_steps = total_steps_;
    if (trained_tokens_ > 0) job.trained_tokens = trained_tokens_;
    job.estimated_finish =
        remaining_seconds_ < 0 ? 0 : now + std::llround(std::ceil(remaining_seconds_));
    for (const auto& one : noted_)
        if (const auto* checkpoint = std::get_if<KeptCheckpoint>(&one))
            WriteCheckpoint(sql, *checkpoint, now, removed);
        else
            WriteStep(sql, std::get<StepMetrics>(one), now);
    job.step = std::max(job.step, noted_step_);
}

void JobLog::WriteStep(Sql& sql, const StepMetrics& metrics, int64_t now) {
    const int64_t total = total_steps_ > 0 ? total_steps_ : record_.job.total_steps;
    NewEvent event;
    event.type = "metrics";
    event.message =
        fmt::format("Step {}/{}: training loss={:.2f}", metrics.step, total, metrics.train_loss);
    event.data = {{"step", metrics.step},
                  {"total_steps", total},
                  {"train_loss", metrics.train_loss},
                  {"train_mean_token_accuracy", metrics.train_accuracy}};
    const auto add = [&](const char* name, const std::optional<double>& value) {
        if (value) event.data[name] = *value;
    };
    add("learning_rate", metrics.learning_rate);
    add("grad_norm", metrics.grad_norm);
    add("tokens_per_second", metrics.tokens_per_second);
    if (metrics.valid_loss) {
        event.message += fmt::format(", validation loss={:.2f}", *metrics.valid_loss);
        event.data["valid_loss"] = *metrics.valid_loss;
        event.data["valid_mean_token_accuracy"] = metrics.valid_accuracy.value_or(0);
    }
    if (metrics.full_valid_loss) {
        event.message += fmt::format(", full validation loss={:.2f}", *metrics.full_valid_loss);
        event.data["full_valid_loss"] = *metrics.full_valid_loss;
        event.data["full_valid_mean_token_accuracy"] = metrics.full_valid_accuracy.value_or(0);
    }
    AddEvent(sql, record_.seq, now, event);
}

void JobLog::WriteCheckpoint(Sql& sql, const KeptCheckpoint& checkpoint, int64_t now,
                             std::vector<std::string>& removed) {
    int64_t there = 0;
    if (sql.First("select seq from job_checkpoints where job = :job and step = :step",
                  std::tie(there), record_.seq, checkpoint.step)) {
        removed.push_back(checkpoint.folder);
        return;
    }
    const std::string name = fmt::format(
        "{}:ckpt-step-{}", NewModelName(record_, services_.options.organization), checkpoint.step);
    models_.Insert(sql,
                   {name, record_.job.project, record_.base, record_.job.id, checkpoint.folder});
    AddCheckpoint(sql, record_.seq, now, name, checkpoint.step, checkpoint.metrics);
    AddEvent(sql, record_.seq, now,
             {.message = fmt::format("Checkpoint created at step {} with Snapshot ID: {}",
                                     checkpoint.step, name)});
    auto rows = sql.All<CheckpointRow>(
        "select seq, model, metrics from job_checkpoints where job = :job order by seq",
        record_.seq);
    if (rows.size() <= kKeptCheckpoints) return;
    const auto best = std::min_element(rows.begin(), rows.end(), [](const auto& a, const auto& b) {
        return LossOf(a.metrics) < LossOf(b.metrics);
    });
    const int64_t best_seq = best->seq;
    rows.resize(rows.size() - kKeptCheckpoints);
    for (const CheckpointRow& row : rows) {
        if (row.seq == best_seq || InUse(sql, row.model)) continue;
        sql.Run("delete from job_checkpoints where seq = :seq", row.seq);
        if (auto folder = models_.Remove(sql, row.model)) removed.push_back(*std::move(folder));
    }
}

}  // namespace hone::platform
