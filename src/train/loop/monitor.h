// What a run watches while it evaluates: which evaluation is the best, when to stop, and whether it
// overfits.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "nlohmann/json.hpp"

namespace hone {

// The numbers of one evaluation.
struct EvalNumbers {
    double loss = 0;
    double token_accuracy = 0;
    double perplexity = 0;
};

// One of them, chosen by --metric_for_best_model, and which way is better.
class Metric {
  public:
    // "loss", "perplexity" or "token_accuracy", with or without "eval_". greater_is_better: by the
    // name when absent.
    static absl::StatusOr<Metric> Parse(const std::string& name,
                                        std::optional<bool> greater_is_better);
    double Of(const EvalNumbers& numbers) const;
    bool Better(double value, double than) const { return greater_ ? value > than : value < than; }
    const std::string& name() const { return name_; }  // "eval_loss"

  private:
    std::string name_;
    bool greater_ = false;
};

// The best evaluation so far, and early stopping as transformers' EarlyStoppingCallback does it: an
// evaluation that is not better than the best by more than `threshold` counts against the patience.
class BestTracker {
  public:
    BestTracker(Metric metric, int64_t patience, double threshold)
        : metric_(std::move(metric)), patience_(patience), threshold_(threshold) {}

    // Returns whether this is a new best.
    bool Add(int64_t step, const EvalNumbers& numbers);
    bool ShouldStop() const { return patience_ > 0 && without_improvement_ >= patience_; }
    // 0 before the first evaluation.
    int64_t best_step() const { return best_step_; }
    std::optional<double> best() const { return best_; }
    int64_t without_improvement() const { return without_improvement_; }
    const Metric& metric() const { return metric_; }

    nlohmann::ordered_json ToJson() const;
    absl::Status FromJson(const nlohmann::ordered_json& json);

  private:
    Metric metric_;
    int64_t patience_;
    double threshold_;
    std::optional<double> best_;
    int64_t best_step_ = 0;
    int64_t without_improvement_ = 0;
};

// Overfitting: over the last kRises evaluations the evaluation loss rose each time while the
// training loss fell.
class OverfitDetector {
  public:
    static constexpr int kRises = 2;

    // Takes the training loss since the last evaluation and the evaluation's. Returns true when
    // overfitting begins: once, until the evaluation loss falls again.
    bool Add(double train_loss, double eval_loss);

    nlohmann::ordered_json ToJson() const;
    absl::Status FromJson(const nlohmann::ordered_json& json);

  private:
    std::vector<std::pair<double, double>> last_;  // at most kRises + 1
    bool said_ = false;
};

}  // namespace hone
