#include "eval/scores.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/text/text_value.h"
#include "eval/metrics/chrf.h"
#include "eval/metrics/squad.h"
#include "eval/metrics/words.h"
#include "fmt/ranges.h"
#include "text/unicode.h"

namespace hone {
namespace {

using nlohmann::ordered_json;
using Texts = std::vector<std::string>;

// A text as an error shows it: in quotes, on one line, cut where it is long.
std::string Shown(const std::string& text) {
    constexpr size_t kMost = 60;
    std::u32string characters = Characters(text);
    std::replace(characters.begin(), characters.end(), U'\n', U' ');
    const bool cut = characters.size() > kMost;
    return fmt::format("\"{}\"{}", Utf8(characters.substr(0, kMost)), cut ? "..." : "");
}

std::string Names(const MetricSet& metrics, std::initializer_list<Metric> of) {
    Texts names;
    for (const Metric metric : of)
        if (metrics.contains(metric)) names.emplace_back(MetricName(metric));
    return fmt::format("{}", fmt::join(names, ", "));
}

std::vector<OtherAnswer> MostFrequent(const std::map<std::string, int64_t>& answers) {
    std::vector<OtherAnswer> others;
    for (const auto& [text, rows] : answers) others.push_back({text, rows});
    std::stable_sort(others.begin(), others.end(),
                     [](const OtherAnswer& a, const OtherAnswer& b) { return a.rows > b.rows; });
    return others;
}

bool IsTag(const std::string& tag) {
    constexpr std::string_view kPrefixes = "BIES";
    return tag == "O" || (!tag.empty() && kPrefixes.find(tag[0]) != std::string_view::npos &&
                          (tag.size() == 1 || (tag[1] == '-' && tag.size() > 2)));
}

std::optional<double> ReadAnswerNumber(const std::string& text) {
    double number = 0;
    if (!ReadNumber(StripSpace(text), number).empty()) return std::nullopt;
    return number;
}

double Mean(const std::vector<double>& values) {
    double sum = 0;
    for (const double value : values) sum += value;
    return values.empty() ? 0 : sum / static_cast<double>(values.size());
}

}  // namespace

absl::StatusOr<AnswerScorer> AnswerScorer::Create(ScoreOptions options, Texts references) {
    HONE_CHECK(!references.empty());
    AnswerScorer scorer(std::move(options), std::move(references));
    const MetricSet& metrics = scorer.options_.metrics;
    const bool of_labels = HasKind(metrics, MetricKind::kLabels);
    if (!of_labels && !scorer.options_.labels.empty())
        return UsageError("--labels is for metrics of labels: add accuracy or f1 to --metrics");
    if (!of_labels && !scorer.options_.label_separator.empty())
        return UsageError(
            "--label_separator is for metrics of labels: add accuracy or f1 to --metrics");
    if (of_labels) HONE_RETURN_IF_ERROR(scorer.ReadLabels());
    if (HasKind(metrics, MetricKind::kJson)) HONE_RETURN_IF_ERROR(scorer.ReadJson());
    if (HasKind(metrics, MetricKind::kTags)) HONE_RETURN_IF_ERROR(scorer.ReadTags());
    if (HasKind(metrics, MetricKind::kNumbers)) HONE_RETURN_IF_ERROR(scorer.ReadNumbers());
    return scorer;
}

absl::Status AnswerScorer::ReadLabels() {
    const std::string& separator = options_.label_separator;
    Texts labels;
    for (const std::string& reference : references_) {
        const Texts pieces =
            separator.empty() ? Texts{StripSpace(reference)} : SplitLabels(reference, separator);
        labels.insert(labels.end(), pieces.begin(), pieces.end());
    }
    if (options_.labels.empty()) {
        if (separator.empty() && !LookLikeLabels(labels)) return TakeAsTexts();
        labels_ = LabelSet::Of(labels);
    } else {
        HONE_ASSIGN_OR_RETURN(labels_, LabelSet::Named(options_.labels));
        for (const std::string& label : labels)
            if (labels_->Find(label) == kNoClass)
                return DataError("the rows hold the label {}, which --labels does not name",
                                 Shown(label));
    }
    const std::string texts =
        Names(options_.metrics, {Metric::kTokenF1, Metric::kBleu, Metric::kChrf, Metric::kRouge});
    if (!texts.empty())
        notes_.push_back(fmt::format(
            "The answers are labels: {} say how alike their names are, and little else.", texts));
    return absl::OkStatus();
}

// accuracy and f1 of answers that are no labels.
absl::Status AnswerScorer::TakeAsTexts() {
    const std::string refused =
        Names(options_.metrics, {Metric::kPrecision, Metric::kRecall, Metric::kConfusion});
    const size_t different = std::set<std::string>(references_.begin(), references_.end()).size();
    const std::string what = different * 2 > references_.size()
                                 ? fmt::format("The {} answers of the rows are {} different texts",
                                               references_.size(), different)
                                 : "The answers of the rows are longer than labels";
    if (!refused.empty())
        return UsageError(
            "--metrics {}: {} are of labels. {}, which are none: say --labels A,B,... where they "
            "are, or ask for exact_match and token_f1",
            refused, refused, what);
    std::string instead;
    if (options_.metrics.erase(Metric::kAccuracy) > 0) {
        options_.metrics.insert(Metric::kExactMatch);
        instead = "accuracy is exact_match";
    }
    if (options_.metrics.erase(Metric::kF1) > 0) {
        options_.metrics.insert(Metric::kTokenF1);
        instead += instead.empty() ? "f1 is token_f1" : ", and f1 is token_f1";
    }
    notes_.push_back(
        fmt::format("{}, and no labels: {} here. --labels A,B,... names labels.", what, instead));
    return absl::OkStatus();
}

absl::Status AnswerScorer::ReadJson() {
    for (const std::string& reference : references_) {
        auto json = ParseJsonAnswer(reference);
        if (!json)
            return DataError("--metrics json: the answer of row {}, {}, is no JSON object or list",
                             json_.size() + 1, Shown(reference));
        json_.push_back(*std::move(json));
    }
    return absl::OkStatus();
}

absl::Status AnswerScorer::ReadTags() {
    for (const std::string& reference : references_) {
        tags_.push_back(SplitWords(std::string_view(reference)));
        for (const std::string& tag : tags_.back())
            if (!IsTag(tag))
                return DataError(
                    "--metrics entity_f1: the answer of row {}, {}, is no list of tags such as "
                    "\"O B-PER I-PER\" (for entities in JSON there is json)",
                    tags_.size(), Shown(reference));
    }
    return absl::OkStatus();
}

absl::Status AnswerScorer::ReadNumbers() {
    for (const std::string& reference : references_) {
        const auto number = ReadAnswerNumber(reference);
        const bool threshold = Has(Metric::kThresholdAccuracy);
        if (!number || (threshold && *number != 0 && *number != 1))
            return DataError("--metrics {}: the answer of row {}, {}, is {}",
                             threshold ? "threshold_accuracy" : "spearman", numbers_.size() + 1,
                             Shown(reference), threshold ? "neither 0 nor 1" : "no number");
        numbers_.push_back(*number);
    }
    return absl::OkStatus();
}

Scores AnswerScorer::Score(const Texts& predictions) const {
    HONE_CHECK(predictions.size() == references_.size());
    Scores scores;
    scores.rows.assign(predictions.size(), ordered_json::object());
    if (labels_ && options_.label_separator.empty()) ScoreLabels(predictions, scores);
    if (labels_ && !options_.label_separator.empty()) ScoreLabelLists(predictions, scores);
    ScoreTexts(predictions, scores);
    if (!json_.empty()) ScoreJsonAnswers(predictions, scores);
    if (!tags_.empty()) ScoreTags(predictions, scores);
    if (!numbers_.empty()) ScoreNumbers(predictions, scores);
    return scores;
}

void AnswerScorer::ScoreLabels(const Texts& predictions, Scores& scores) const {
    std::vector<int64_t> expected, predicted;
    std::map<std::string, int64_t> others;
    for (size_t i = 0; i < predictions.size(); ++i) {
        expected.push_back(labels_->Find(references_[i]));
        predicted.push_back(labels_->Find(predictions[i]));
        ordered_json& row = scores.rows[i];
        row["label"] = nullptr;
        if (predicted[i] != kNoClass) row["label"] = labels_->labels()[predicted[i]];
        if (predicted[i] == kNoClass) ++others[StripSpace(predictions[i])];
        row["correct"] = expected[i] == predicted[i];
    }
    Classification result = ScoreClassification(expected, predicted, labels_->size());
    LabelScores& labels = scores.labels.emplace();
    labels.labels = labels_->labels();
    labels.accuracy = result.accuracy;
    labels.report = std::move(result.report);
    labels.confusion = std::move(result.confusion);
    labels.no_label = result.no_class;
    labels.others = MostFrequent(others);
}

void AnswerScorer::ScoreLabelLists(const Texts& predictions, Scores& scores) const {
    LabelScores& labels = scores.labels.emplace();
    std::map<std::string, int64_t> others;
    // The labels of one answer; returns whether each piece of it is one.
    const auto read = [&](const std::string& text, bool predicted, std::vector<bool>& row) {
        bool all = true;
        row.assign(labels_->labels().size(), false);
        for (const std::string& piece : SplitLabels(text, options_.label_separator)) {
            const int64_t label = labels_->Find(piece);
            if (label != kNoClass) row[label] = true;
            if (label == kNoClass && predicted) ++others[piece];
            all &= label != kNoClass;
        }
        return all;
    };
    std::vector<std::vector<bool>> expected(predictions.size()), found(predictions.size());
    for (size_t i = 0; i < predictions.size(); ++i) {
        read(references_[i], false, expected[i]);
        const bool all = read(predictions[i], true, found[i]);
        labels.no_label += !all;
        ordered_json& row = scores.rows[i];
        row["labels"] = ordered_json::array();
        for (size_t label = 0; label < found[i].size(); ++label)
            if (found[i][label]) row["labels"].push_back(labels_->labels()[label]);
        row["correct"] = all && expected[i] == found[i];
    }
    MultiLabel result = ScoreMultiLabel(expected, found);
    labels.labels = labels_->labels();
    labels.accuracy = result.exact;
    labels.report = std::move(result.report);
    labels.hamming_loss = result.hamming_loss;
    labels.samples = result.samples;
    labels.others = MostFrequent(others);
}

void AnswerScorer::ScoreTexts(const Texts& predictions, Scores& scores) const {
    std::vector<double> exact, words;
    BleuCounts bleu;
    ChrfCounts chrf;
    std::vector<Rouge> rouge;
    const BleuOptions bleu_options{.lowercase = options_.lowercase};
    const BleuOptions sentence{.lowercase = options_.lowercase, .effective_order = true};
    const ChrfOptions chrf_options{.lowercase = options_.lowercase};
    for (size_t i = 0; i < predictions.size(); ++i) {
        const std::string& prediction = predictions[i];
        const Texts reference = {references_[i]};
        ordered_json& row = scores.rows[i];
        if (Has(Metric::kExactMatch)) {
            exact.push_back(ExactMatch(prediction, reference));
            row["exact_match"] = exact.back();
        }
        if (Has(Metric::kTokenF1)) {
            words.push_back(TokenF1(prediction, reference));
            row["token_f1"] = words.back();
        }
        if (Has(Metric::kBleu)) {
            const BleuCounts counts = CountBleu(prediction, reference, bleu_options);
            bleu += counts;
            row["bleu"] = ScoreBleu(counts, sentence).score;
        }
        if (Has(Metric::kChrf)) {
            const ChrfCounts counts = CountChrf(prediction, reference, chrf_options);
            chrf += counts;
            row["chrf"] = ScoreChrf(counts, chrf_options);
        }
        if (Has(Metric::kRouge)) {
            rouge.push_back(ScoreRouge(prediction, reference, options_.rouge_stemmer));
            row["rouge1"] = rouge.back().rouge1.f1;
            row["rouge2"] = rouge.back().rouge2.f1;
            row["rougeL"] = rouge.back().rouge_l.f1;
            row["rougeLsum"] = rouge.back().rouge_lsum.f1;
        }
    }
    if (Has(Metric::kExactMatch)) scores.exact_match = Mean(exact);
    if (Has(Metric::kTokenF1)) scores.token_f1 = Mean(words);
    if (Has(Metric::kBleu)) scores.bleu = ScoreBleu(bleu, bleu_options);
    if (Has(Metric::kChrf)) scores.chrf = ScoreChrf(chrf, chrf_options);
    if (Has(Metric::kRouge)) scores.rouge = MeanRouge(rouge);
}

void AnswerScorer::ScoreJsonAnswers(const Texts& predictions, Scores& scores) const {
    std::vector<std::optional<ordered_json>> parsed;
    for (size_t i = 0; i < predictions.size(); ++i) {
        parsed.push_back(ParseJsonAnswer(predictions[i]));
        const ClassCounts counts = CountJson(json_[i], parsed.back());
        ordered_json& row = scores.rows[i];
        row["json"] = parsed.back().has_value();
        row["json_exact"] = parsed.back() && counts.correct == counts.expected &&
                            counts.correct == counts.predicted;
        row["json_f1"] = ScoreClass(counts).f1;
    }
    scores.json = ScoreJson(json_, parsed);
}

void AnswerScorer::ScoreTags(const Texts& predictions, Scores& scores) const {
    TagScores& tags = scores.tags.emplace();
    tags.scheme = DetectScheme(tags_);
    const std::string_view known = tags.scheme == TagScheme::kBio ? "BIO" : "BIESO";
    std::vector<Texts> predicted, in_scheme;  // what is no tag, or none of the scheme, is O
    for (size_t i = 0; i < predictions.size(); ++i) {
        Texts& row = predicted.emplace_back(SplitWords(std::string_view(predictions[i])));
        tags.other_length += row.size() != tags_[i].size();
        row.resize(tags_[i].size(), "O");
        for (std::string& tag : row)
            if (!IsTag(tag)) tag = "O";
        for (std::string& tag : in_scheme.emplace_back(row))
            if (known.find(tag[0]) == std::string_view::npos) tag = "O";
    }
    const auto entities = [](const std::vector<Texts>& texts, TagScheme scheme) {
        std::vector<std::vector<Entity>> found;
        for (const Texts& text : texts) found.push_back(FindEntities(text, scheme).value());
        return found;
    };
    const auto expected = entities(tags_, TagScheme::kAny);
    const auto found = entities(predicted, TagScheme::kAny);
    tags.any = ScoreEntities(expected, found);
    tags.strict = ScoreEntities(entities(tags_, tags.scheme), entities(in_scheme, tags.scheme));
    for (size_t i = 0; i < predictions.size(); ++i)
        scores.rows[i]["entity_f1"] = ScoreEntities({expected[i]}, {found[i]}).report.micro.f1;
}

void AnswerScorer::ScoreNumbers(const Texts& predictions, Scores& scores) const {
    NumberScores& numbers = scores.numbers.emplace();
    std::vector<double> expected, predicted;
    std::vector<bool> positive;
    for (size_t i = 0; i < predictions.size(); ++i) {
        const auto number = ReadAnswerNumber(predictions[i]);
        scores.rows[i]["number"] = nullptr;
        numbers.no_number += !number;
        if (!number) continue;
        scores.rows[i]["number"] = *number;
        expected.push_back(numbers_[i]);
        predicted.push_back(*number);
        positive.push_back(numbers_[i] == 1);
    }
    if (Has(Metric::kSpearman)) numbers.spearman = Spearman(expected, predicted);
    if (Has(Metric::kThresholdAccuracy)) numbers.threshold = BestThreshold(predicted, positive);
}

}  // namespace hone
