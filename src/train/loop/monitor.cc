#include "train/loop/monitor.h"

#include <cmath>

namespace hone {
namespace {

absl::Status BadState(const char* what) {
    return TrainingError(
        "trainer_state.json: '{}' is not what hone writes; the checkpoint is broken", what);
}

}  // namespace

absl::StatusOr<Metric> Metric::Parse(const std::string& name,
                                     std::optional<bool> greater_is_better) {
    Metric metric;
    metric.name_ = name.starts_with("eval_") ? name : "eval_" + name;
    if (metric.name_ != "eval_loss" && metric.name_ != "eval_perplexity" &&
        metric.name_ != "eval_token_accuracy")
        return UsageError(
            "--metric_for_best_model '{}' is not known; there are eval_loss, eval_perplexity and "
            "eval_token_accuracy",
            name);
    metric.greater_ = greater_is_better.value_or(metric.name_ == "eval_token_accuracy");
    return metric;
}

double Metric::Of(const EvalNumbers& numbers) const {
    if (name_ == "eval_loss") return numbers.loss;
    return name_ == "eval_perplexity" ? numbers.perplexity : numbers.token_accuracy;
}

bool BestTracker::Add(int64_t step, const EvalNumbers& numbers) {
    const double value = metric_.Of(numbers);
    const bool better = !best_ || metric_.Better(value, *best_);
    const bool counts = !best_ || (better && std::fabs(value - *best_) > threshold_);
    without_improvement_ = counts ? 0 : without_improvement_ + 1;
    if (better) {
        best_ = value;
        best_step_ = step;
    }
    return better;
}

nlohmann::ordered_json BestTracker::ToJson() const {
    nlohmann::ordered_json json;
    json["metric"] = metric_.name();
    json["best"] = best_ ? nlohmann::ordered_json(*best_) : nlohmann::ordered_json();
    json["best_step"] = best_step_;
    json["without_improvement"] = without_improvement_;
    return json;
}

absl::Status BestTracker::FromJson(const nlohmann::ordered_json& json) {
    if (!json.is_object() || !json.contains("best") || !json.contains("best_step") ||
        !json["best_step"].is_number_integer() || !json.contains("without_improvement") ||
        !json["without_improvement"].is_number_integer() ||
        !(json["best"].is_null() || json["best"].is_number()))
        return BadState("best");
    best_.reset();
    if (json["best"].is_number()) best_ = json["best"].get<double>();
    best_step_ = json["best_step"].get<int64_t>();
    without_improvement_ = json["without_improvement"].get<int64_t>();
    return absl::OkStatus();
}

bool OverfitDetector::Add(double train_loss, double eval_loss) {
    if (!last_.empty() && eval_loss <= last_.back().second) said_ = false;
    last_.emplace_back(train_loss, eval_loss);
    if (last_.size() > kRises + 1) last_.erase(last_.begin());
    if (last_.size() < kRises + 1 || said_) return false;
    for (size_t i = 1; i < last_.size(); ++i)
        if (last_[i].second <= last_[i - 1].second || last_[i].first >= last_[i - 1].first)
            return false;
    said_ = true;
    return true;
}

nlohmann::ordered_json OverfitDetector::ToJson() const {
    nlohmann::ordered_json json;
    json["last"] = nlohmann::ordered_json::array();
    for (const auto& [train, eval] : last_) json["last"].push_back({train, eval});
    json["said"] = said_;
    return json;
}

absl::Status OverfitDetector::FromJson(const nlohmann::ordered_json& json) {
    if (!json.is_object() || !json.contains("last") || !json["last"].is_array() ||
        json["last"].size() > kRises + 1 || !json.contains("said") || !json["said"].is_boolean())
        return BadState("overfit");
    last_.clear();
    for (const auto& pair : json["last"]) {
        if (!pair.is_array() || pair.size() != 2 || !pair[0].is_number() || !pair[1].is_number())
            return BadState("overfit");
        last_.emplace_back(pair[0].get<double>(), pair[1].get<double>());
    }
    said_ = json["said"].get<bool>();
    return absl::OkStatus();
}

}  // namespace hone
