#include "eval/metric_names.h"

#include <algorithm>

#include "base/text/nearest_word.h"
#include "fmt/ranges.h"

namespace hone {

const std::vector<MetricInfo>& KnownMetrics() {
    static const std::vector<MetricInfo> known = {
        {Metric::kLoss, "loss", MetricKind::kTokens},
        {Metric::kPerplexity, "perplexity", MetricKind::kTokens},
        {Metric::kTokenAccuracy, "token_accuracy", MetricKind::kTokens},
        {Metric::kAccuracy, "accuracy", MetricKind::kLabels},
        {Metric::kF1, "f1", MetricKind::kLabels},
        {Metric::kPrecision, "precision", MetricKind::kLabels},
        {Metric::kRecall, "recall", MetricKind::kLabels},
        {Metric::kConfusion, "confusion_matrix", MetricKind::kLabels},
        {Metric::kExactMatch, "exact_match", MetricKind::kTexts},
        {Metric::kTokenF1, "token_f1", MetricKind::kTexts},
        {Metric::kBleu, "bleu", MetricKind::kTexts},
        {Metric::kChrf, "chrf", MetricKind::kTexts},
        {Metric::kRouge, "rouge", MetricKind::kTexts},
        {Metric::kJson, "json", MetricKind::kJson},
        {Metric::kEntities, "entity_f1", MetricKind::kTags},
        {Metric::kSpearman, "spearman", MetricKind::kNumbers},
        {Metric::kThresholdAccuracy, "threshold_accuracy", MetricKind::kNumbers}};
    return known;
}

std::string_view MetricName(Metric metric) {
    const auto& known = KnownMetrics();
    return std::find_if(known.begin(), known.end(),
                        [metric](const MetricInfo& info) { return info.metric == metric; })
        ->name;
}

absl::StatusOr<MetricSet> ParseMetrics(const std::vector<std::string>& names) {
    MetricSet metrics;
    std::vector<std::string> all;
    for (const MetricInfo& info : KnownMetrics()) all.emplace_back(info.name);
    for (const std::string& name : names) {
        const auto& known = KnownMetrics();
        const auto found =
            std::find_if(known.begin(), known.end(),
                         [&name](const MetricInfo& info) { return info.name == name; });
        if (found == known.end()) {
            const std::string nearest = NearestWord(name, all);
            return UsageError("--metrics: \"{}\" is no metric{}; there are {}", name,
                              nearest.empty() ? "" : fmt::format(" (did you mean {}?)", nearest),
                              fmt::join(all, ", "));
        }
        metrics.insert(found->metric);
    }
    return metrics;
}

bool HasKind(const MetricSet& metrics, MetricKind kind) {
    const auto& known = KnownMetrics();
    return std::any_of(known.begin(), known.end(), [&](const MetricInfo& info) {
        return info.kind == kind && metrics.contains(info.metric);
    });
}

bool NeedsAnswers(const MetricSet& metrics) {
    const auto& known = KnownMetrics();
    return std::any_of(known.begin(), known.end(), [&](const MetricInfo& info) {
        return info.kind != MetricKind::kTokens && metrics.contains(info.metric);
    });
}

}  // namespace hone
