// Scores as JSON, and as lines for people.
#include <algorithm>
#include <cmath>

#include "base/text/text.h"
#include "eval/scores.h"
#include "fmt/ranges.h"
#include "text/unicode.h"

namespace hone {
namespace {

using nlohmann::ordered_json;

constexpr size_t kShownClasses = 12;  // of which the lines tell one by one
constexpr size_t kShownPairs = 5;     // labels that are taken for each other
constexpr size_t kShownOthers = 5;    // answers that are no label
constexpr size_t kShownText = 40;     // characters of a label or an answer

std::string Percent(double share) { return fmt::format("{:.2f} %", 100 * share); }

// On one line, cut where it is long.
std::string Cut(const std::string& text) {
    std::u32string characters = Characters(text);
    std::replace_if(
        characters.begin(), characters.end(), [](char32_t c) { return c < U' '; }, U' ');
    if (characters.size() <= kShownText) return Utf8(characters);
    return Utf8(characters.substr(0, kShownText)) + "...";
}

ordered_json AveragesJson(const ClassReport& report, double AveragedScore::*number) {
    return {{"macro", report.macro.*number},
            {"micro", report.micro.*number},
            {"weighted", report.weighted.*number}};
}

ordered_json ClassesJson(const std::vector<std::string>& names, const ClassReport& report) {
    ordered_json json = ordered_json::object();
    for (size_t i = 0; i < names.size(); ++i) {
        const ClassScore& score = report.classes[i];
        json[names[i]] = {{"precision", score.precision},
                          {"recall", score.recall},
                          {"f1", score.f1},
                          {"expected", score.counts.expected},
                          {"predicted", score.counts.predicted}};
    }
    return json;
}

void AddLabels(const LabelScores& labels, const MetricSet& metrics, ordered_json& json) {
    if (metrics.contains(Metric::kAccuracy)) json["accuracy"] = labels.accuracy;
    const std::pair<Metric, double AveragedScore::*> averaged[] = {
        {Metric::kF1, &AveragedScore::f1},
        {Metric::kPrecision, &AveragedScore::precision},
        {Metric::kRecall, &AveragedScore::recall}};
    for (const auto& [metric, number] : averaged) {
        if (!metrics.contains(metric)) continue;
        ordered_json& averages = json[std::string(MetricName(metric))];
        averages = AveragesJson(labels.report, number);
        if (labels.samples) averages["samples"] = (*labels.samples).*number;
    }
    if (labels.hamming_loss) json["hamming_loss"] = *labels.hamming_loss;
    json["labels"] = ClassesJson(labels.labels, labels.report);
    if (metrics.contains(Metric::kConfusion) && !labels.confusion.empty())
        json["confusion_matrix"] = {{"labels", labels.labels}, {"rows", labels.confusion}};
    ordered_json answers = ordered_json::array();
    for (const OtherAnswer& other : labels.others)
        answers.push_back({{"text", other.text}, {"rows", other.rows}});
    json["no_label"] = {{"rows", labels.no_label}, {"answers", std::move(answers)}};
}

ordered_json RougeJson(const Rouge& rouge) {
    ordered_json json;
    const std::pair<const char*, const RougeScore*> kinds[] = {{"rouge1", &rouge.rouge1},
                                                               {"rouge2", &rouge.rouge2},
                                                               {"rougeL", &rouge.rouge_l},
                                                               {"rougeLsum", &rouge.rouge_lsum}};
    for (const auto& [name, score] : kinds)
        json[name] = {
            {"precision", score->precision}, {"recall", score->recall}, {"f1", score->f1}};
    return json;
}

ordered_json EntitiesJson(const EntityScores& scores) {
    const ClassReport& report = scores.report;
    return {{"precision", AveragesJson(report, &AveragedScore::precision)},
            {"recall", AveragesJson(report, &AveragedScore::recall)},
            {"f1", AveragesJson(report, &AveragedScore::f1)},
            {"types", ClassesJson(scores.types, report)}};
}

// Null where it is no number, or infinite.
ordered_json NumberJson(double number) {
    return std::isfinite(number) ? ordered_json(number) : ordered_json(nullptr);
}

// Collects lines of a name and a value.
class Lines {
  public:
    explicit Lines(int width) : width_(width) {}
    void Add(std::string_view name, const std::string& value) {
        text_ += fmt::format("  {:<{}}{}\n", name, width_, value);
    }
    std::string Take() { return std::move(text_); }

  private:
    int width_;
    std::string text_;
};

std::string AveragesText(const ClassReport& report, double AveragedScore::*number) {
    return fmt::format("macro {}, micro {}, weighted {}", Percent(report.macro.*number),
                       Percent(report.micro.*number), Percent(report.weighted.*number));
}

void AddClassLines(const std::vector<std::string>& names, const ClassReport& report,
                   std::string_view what, Lines& lines) {
    if (names.size() > kShownClasses) {
        lines.Add(what, fmt::format("{}; --json has the scores of each", names.size()));
        return;
    }
    size_t width = 0;
    for (const std::string& name : names) width = std::max(width, Characters(Cut(name)).size());
    for (size_t i = 0; i < names.size(); ++i) {
        const ClassScore& score = report.classes[i];
        const std::string name = Cut(names[i]);
        const std::string space(width - Characters(name).size(), ' ');
        lines.Add(i == 0 ? what : "",
                  fmt::format("{}{}  F1 {:>8}  precision {:>8}  recall {:>8}  {} of {} found", name,
                              space, Percent(score.f1), Percent(score.precision),
                              Percent(score.recall), score.counts.correct, score.counts.expected));
    }
}

void AddConfusionLines(const LabelScores& labels, bool whole, Lines& lines) {
    if (whole && labels.labels.size() <= kShownClasses) {
        for (size_t i = 0; i < labels.labels.size(); ++i)
            lines.Add(i == 0 ? "confusion" : "", fmt::format("{}: {}", Cut(labels.labels[i]),
                                                             fmt::join(labels.confusion[i], " ")));
        return;
    }
    struct Pair {
        int64_t rows;
        size_t expected, predicted;
    };
    std::vector<Pair> pairs;
    for (size_t i = 0; i < labels.confusion.size(); ++i)
        for (size_t j = 0; j < labels.confusion.size(); ++j)
            if (i != j && labels.confusion[i][j] > 0)
                pairs.push_back({labels.confusion[i][j], i, j});
    std::stable_sort(pairs.begin(), pairs.end(),
                     [](const Pair& a, const Pair& b) { return a.rows > b.rows; });
    for (size_t i = 0; i < std::min(pairs.size(), kShownPairs); ++i)
        lines.Add(i == 0 ? "confused" : "",
                  fmt::format("{} for {}, {} times", Cut(labels.labels[pairs[i].predicted]),
                              Cut(labels.labels[pairs[i].expected]), pairs[i].rows));
}

void AddLabelLines(const LabelScores& labels, const MetricSet& metrics, Lines& lines) {
    if (metrics.contains(Metric::kAccuracy)) lines.Add("accuracy", Percent(labels.accuracy));
    if (metrics.contains(Metric::kF1))
        lines.Add("F1", AveragesText(labels.report, &AveragedScore::f1));
    if (metrics.contains(Metric::kPrecision))
        lines.Add("precision", AveragesText(labels.report, &AveragedScore::precision));
    if (metrics.contains(Metric::kRecall))
        lines.Add("recall", AveragesText(labels.report, &AveragedScore::recall));
    if (labels.hamming_loss) lines.Add("Hamming loss", fmt::format("{:.6f}", *labels.hamming_loss));
    AddClassLines(labels.labels, labels.report, "labels", lines);
    AddConfusionLines(labels, metrics.contains(Metric::kConfusion), lines);
    if (labels.no_label == 0) return;
    std::vector<std::string> shown;
    for (size_t i = 0; i < std::min(labels.others.size(), kShownOthers); ++i)
        shown.push_back(
            fmt::format("\"{}\" ({})", Cut(labels.others[i].text), labels.others[i].rows));
    lines.Add("no label", fmt::format("{} answers: {}{}", labels.no_label, fmt::join(shown, ", "),
                                      labels.others.size() > kShownOthers ? ", ..." : ""));
}

void AddTextLines(const Scores& scores, Lines& lines) {
    if (scores.exact_match) lines.Add("exact match", Percent(*scores.exact_match));
    if (scores.token_f1) lines.Add("token F1", Percent(*scores.token_f1));
    if (scores.bleu)
        lines.Add("BLEU", fmt::format("{:.2f} (precisions {:.1f}, brevity penalty {:.3f})",
                                      scores.bleu->score, fmt::join(scores.bleu->precisions, " "),
                                      scores.bleu->brevity_penalty));
    if (scores.chrf) lines.Add("chrF", fmt::format("{:.2f}", *scores.chrf));
    if (const auto& rouge = scores.rouge)
        lines.Add("ROUGE", fmt::format("1 {:.2f}, 2 {:.2f}, L {:.2f}, Lsum {:.2f}",
                                       100 * rouge->rouge1.f1, 100 * rouge->rouge2.f1,
                                       100 * rouge->rouge_l.f1, 100 * rouge->rouge_lsum.f1));
}

}  // namespace

ordered_json ToJson(const Scores& scores, const MetricSet& metrics) {
    ordered_json json = ordered_json::object();
    if (scores.labels) AddLabels(*scores.labels, metrics, json);
    if (scores.exact_match) json["exact_match"] = *scores.exact_match;
    if (scores.token_f1) json["token_f1"] = *scores.token_f1;
    if (const auto& bleu = scores.bleu)
        json["bleu"] = {{"score", bleu->score},
                        {"precisions", bleu->precisions},
                        {"brevity_penalty", bleu->brevity_penalty},
                        {"prediction_length", bleu->counts.prediction_length},
                        {"reference_length", bleu->counts.reference_length}};
    if (scores.chrf) json["chrf"] = *scores.chrf;
    if (scores.rouge) json["rouge"] = RougeJson(*scores.rouge);
    if (const auto& fields = scores.json)
        json["json"] = {{"exact", fields->exact},
                        {"f1", AveragesJson(fields->report, &AveragedScore::f1)},
                        {"fields", ClassesJson(fields->fields, fields->report)},
                        {"no_json", fields->no_json}};
    if (const auto& tags = scores.tags) {
        json["entity_f1"] = EntitiesJson(tags->any);
        json["entity_f1"]["strict"] = EntitiesJson(tags->strict);
        json["entity_f1"]["scheme"] = tags->scheme == TagScheme::kBio ? "BIO" : "BIOES";
        json["entity_f1"]["other_length"] = tags->other_length;
    }
    if (const auto& numbers = scores.numbers) {
        if (numbers->spearman) json["spearman"] = NumberJson(*numbers->spearman);
        if (numbers->threshold)
            json["threshold_accuracy"] = {{"accuracy", numbers->threshold->accuracy},
                                          {"threshold", NumberJson(numbers->threshold->threshold)}};
        json["no_number"] = numbers->no_number;
    }
    return json;
}

std::string ToText(const Scores& scores, const MetricSet& metrics, int width) {
    Lines lines(width);
    if (scores.labels) AddLabelLines(*scores.labels, metrics, lines);
    AddTextLines(scores, lines);
    if (const auto& json = scores.json) {
        lines.Add("JSON", fmt::format("{} all right, F1 of fields {}", Percent(json->exact),
                                      AveragesText(json->report, &AveragedScore::f1)));
        AddClassLines(json->fields, json->report, "fields", lines);
        if (json->no_json > 0) lines.Add("no JSON", fmt::format("{} answers", json->no_json));
    }
    if (const auto& tags = scores.tags) {
        lines.Add("entity F1", AveragesText(tags->any.report, &AveragedScore::f1));
        lines.Add("strict", AveragesText(tags->strict.report, &AveragedScore::f1));
        AddClassLines(tags->any.types, tags->any.report, "types", lines);
        if (tags->other_length > 0)
            lines.Add("other length", fmt::format("{} answers have more or fewer tags than the row",
                                                  tags->other_length));
    }
    if (const auto& numbers = scores.numbers) {
        if (numbers->spearman) lines.Add("Spearman", fmt::format("{:.4f}", *numbers->spearman));
        if (numbers->threshold)
            lines.Add("threshold", fmt::format("accuracy {} from {:.4f} on",
                                               Percent(numbers->threshold->accuracy),
                                               numbers->threshold->threshold));
        if (numbers->no_number > 0)
            lines.Add("no number", fmt::format("{} answers, left out", numbers->no_number));
    }
    return lines.Take();
}

}  // namespace hone
