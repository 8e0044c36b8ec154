// The metrics that `hone evaluate --metrics` knows, by name.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace hone {

enum class Metric {
    // Of the tokens of the rows' own answers.
    kLoss,
    kPerplexity,
    kTokenAccuracy,
    // Of the model's answers, as labels.
    kAccuracy,
    kF1,
    kPrecision,
    kRecall,
    kConfusion,
    // As texts.
    kExactMatch,
    kTokenF1,
    kBleu,
    kChrf,
    kRouge,
    // As what a text stands for.
    kJson,
    kEntities,
    kSpearman,
    kThresholdAccuracy
};

enum class MetricKind { kTokens, kLabels, kTexts, kJson, kTags, kNumbers };

struct MetricInfo {
    Metric metric;
    std::string_view name;
    MetricKind kind;
};
// All of them, in the order in which they are reported.
const std::vector<MetricInfo>& KnownMetrics();
std::string_view MetricName(Metric metric);

using MetricSet = std::set<Metric>;

// An unknown name is an error of kind kUsage that names the nearest one.
absl::StatusOr<MetricSet> ParseMetrics(const std::vector<std::string>& names);

// Whether any of the metrics is of that kind.
bool HasKind(const MetricSet& metrics, MetricKind kind);
// Whether any is of answers, which the model has to give.
bool NeedsAnswers(const MetricSet& metrics);

}  // namespace hone
