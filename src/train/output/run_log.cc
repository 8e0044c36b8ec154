#include "train/output/run_log.h"

namespace hone {
namespace {

void AddMetrics(const MetricValues& metrics, std::string_view prefix, nlohmann::ordered_json& row) {
    for (const auto& [name, value] : metrics) row[fmt::format("{}{}", prefix, name)] = value;
}

}  // namespace

nlohmann::ordered_json MetricsRow(const StepReport& report) {
    const LoggedMeans means = report.logged.value_or(LoggedMeans{});
    nlohmann::ordered_json row = {{"step", report.step},
                                  {"epoch", report.epoch},
                                  {"loss", report.loss},
                                  {"learning_rate", report.learning_rate},
                                  {"grad_norm", report.grad_norm},
                                  {"tokens", report.tokens},
                                  {"tokens_per_second", means.tokens_per_second},
                                  {"token_accuracy", means.token_accuracy},
                                  {"memory_bytes", report.memory_bytes}};
    AddMetrics(means.metrics, "", row);
    if (report.eval_sample) {
        row["eval_sample_loss"] = report.eval_sample->loss;
        row["eval_sample_token_accuracy"] = report.eval_sample->token_accuracy;
    }
    return row;
}

nlohmann::ordered_json MetricsRow(const EvalReport& report) {
    nlohmann::ordered_json row = {{"step", report.step},
                                  {"epoch", report.epoch},
                                  {"eval_loss", report.loss},
                                  {"eval_perplexity", report.perplexity},
                                  {"eval_token_accuracy", report.token_accuracy},
                                  {"eval_seconds", report.seconds},
                                  {"memory_bytes", report.memory_bytes}};
    AddMetrics(report.metrics, "eval_", row);
    return row;
}

absl::Status RunLog::OnEvent(const Event& event) {
    if (const auto* step = std::get_if<StepReport>(&event.body); step && step->logged)
        return Add(MetricsRow(*step));
    if (const auto* eval = std::get_if<EvalReport>(&event.body)) return Add(MetricsRow(*eval));
    return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<RunLog>> RunLog::Open(
    const std::string& metrics_path, const std::string& events_folder,
    const std::vector<nlohmann::ordered_json>& history) {
    auto log = std::make_unique<RunLog>();
    std::string text;
    for (const auto& row : history) text += row.dump() + "\n";
    absl::Status written = WriteFileAtomic(metrics_path, text);
    if (!written.ok()) return WithKind(written, ErrorKind::kTraining);
    auto metrics = AppendFile::Open(metrics_path);
    if (!metrics.ok()) return WithKind(metrics.status(), ErrorKind::kTraining);
    log->metrics_ = *std::move(metrics);
    if (!events_folder.empty()) {
        auto events = EventFile::Create(events_folder);
        if (!events.ok()) return WithKind(events.status(), ErrorKind::kTraining);
        log->events_ = *std::move(events);
    }
    return log;
}

absl::Status RunLog::Add(const nlohmann::ordered_json& row) {
    absl::Status status = metrics_->Append(row.dump() + "\n");
    if (status.ok() && events_) {
        std::vector<std::pair<std::string, double>> scalars;
        for (const auto& [key, value] : row.items())
            if (key != "step" && value.is_number())
                scalars.emplace_back(
                    key.starts_with("eval_") ? "eval/" + key.substr(5) : "train/" + key,
                    value.get<double>());
        status = events_->AddScalars(row["step"].get<int64_t>(), scalars);
    }
    return WithKind(status, ErrorKind::kTraining);
}

}  // namespace hone
