// A model's answers against the rows' own, by the metrics that were asked for.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "eval/labels.h"
#include "eval/metric_names.h"
#include "eval/metrics/bleu.h"
#include "eval/metrics/classification.h"
#include "eval/metrics/correlation.h"
#include "eval/metrics/entities.h"
#include "eval/metrics/json_fields.h"
#include "eval/metrics/rouge.h"
#include "nlohmann/json.hpp"

namespace hone {

struct ScoreOptions {
    MetricSet metrics;
    // What answers can be; empty: what the references hold.
    std::vector<std::string> labels;
    // Where a row has several labels: what stands between them. Empty: a row has one.
    std::string label_separator;
    bool lowercase = false;  // of BLEU and chrF
    bool rouge_stemmer = false;
};

// An answer that is no label, and how many rows have it.
struct OtherAnswer {
    std::string text;
    int64_t rows = 0;
};

struct LabelScores {
    std::vector<std::string> labels;
    double accuracy = 0;  // of rows with several labels: all of them right
    ClassReport report;
    std::vector<std::vector<int64_t>> confusion;  // of rows with one label
    std::optional<double> hamming_loss;           // of rows with several, and `samples` too
    std::optional<AveragedScore> samples;
    int64_t no_label = 0;             // rows with such an answer, or such a piece of one
    std::vector<OtherAnswer> others;  // those answers, the most frequent first
};

struct TagScores {
    EntityScores any, strict;  // TagScheme::kAny, and the scheme that the references have
    TagScheme scheme = TagScheme::kBio;
    int64_t other_length = 0;  // rows with more or fewer tags than the reference has
};

struct NumberScores {
    int64_t no_number = 0;  // rows whose answer is none; they are left out
    std::optional<double> spearman;
    std::optional<Threshold> threshold;
};

// What was asked for.
struct Scores {
    std::optional<LabelScores> labels;
    std::optional<double> exact_match, token_f1, chrf;
    std::optional<Bleu> bleu;
    std::optional<Rouge> rouge;
    std::optional<JsonScores> json;
    std::optional<TagScores> tags;
    std::optional<NumberScores> numbers;
    // For each row {"label": ..., "bleu": ..., ...}
    std::vector<nlohmann::ordered_json> rows;
};

// Knows the references and what they are. Made before the model answers, so that what cannot work
// is refused first.
class AnswerScorer {
  public:
    // At least one reference. Errors: a metric that the references make no sense for (kUsage), a
    // reference that is not what a metric takes (kData, with its number).
    static absl::StatusOr<AnswerScorer> Create(ScoreOptions options,
                                               std::vector<std::string> references);

    // The labels, where a metric is of labels and the references are some.
    const std::optional<LabelSet>& labels() const { return labels_; }
    // What the user should know of the metrics, as whole sentences.
    const std::vector<std::string>& notes() const { return notes_; }

    // predictions[i] answers what references[i] does.
    Scores Score(const std::vector<std::string>& predictions) const;

  private:
    AnswerScorer(ScoreOptions options, std::vector<std::string> references)
        : options_(std::move(options)), references_(std::move(references)) {}
    bool Has(Metric metric) const { return options_.metrics.contains(metric); }
    absl::Status ReadLabels();
    absl::Status TakeAsTexts();
    absl::Status ReadJson();
    absl::Status ReadTags();
    absl::Status ReadNumbers();
    void ScoreLabels(const std::vector<std::string>& predictions, Scores& scores) const;
    void ScoreLabelLists(const std::vector<std::string>& predictions, Scores& scores) const;
    void ScoreTexts(const std::vector<std::string>& predictions, Scores& scores) const;
    void ScoreJsonAnswers(const std::vector<std::string>& predictions, Scores& scores) const;
    void ScoreTags(const std::vector<std::string>& predictions, Scores& scores) const;
    void ScoreNumbers(const std::vector<std::string>& predictions, Scores& scores) const;

    ScoreOptions options_;
    std::vector<std::string> references_;
    std::vector<std::string> notes_;
    std::optional<LabelSet> labels_;
    std::vector<nlohmann::ordered_json> json_;
    std::vector<std::vector<std::string>> tags_;
    std::vector<double> numbers_;
};

// {"accuracy": 0.5, "f1": {"macro": ..., ...}, "bleu": {...}, ...}
nlohmann::ordered_json ToJson(const Scores& scores, const MetricSet& metrics);

// Lines for people, each with two spaces in front and the value behind `width` characters.
std::string ToText(const Scores& scores, const MetricSet& metrics, int width);

}  // namespace hone
