#include "eval/metrics/classification.h"

#include "base/status.h"

namespace hone {
namespace {

double Share(int64_t part, int64_t whole, double zero_division) {
    if (whole == 0) return zero_division;
    return static_cast<double>(part) / static_cast<double>(whole);
}

AveragedScore Averaged(const ClassScore& score) {
    return {score.precision, score.recall, score.f1};
}

// The mean of the scores, each by its weight; `zero_division` where all weights are 0.
template <typename Weight>
AveragedScore Mean(const std::vector<ClassScore>& scores, double zero_division, Weight weight) {
    AveragedScore mean;
    double sum = 0;
    for (const ClassScore& score : scores) {
        const double w = weight(score);
        mean.precision += w * score.precision;
        mean.recall += w * score.recall;
        mean.f1 += w * score.f1;
        sum += w;
    }
    if (sum == 0) return {zero_division, zero_division, zero_division};
    return {mean.precision / sum, mean.recall / sum, mean.f1 / sum};
}

double One(const ClassScore&) { return 1; }

}  // namespace

ClassCounts& ClassCounts::operator+=(const ClassCounts& other) {
    correct += other.correct;
    predicted += other.predicted;
    expected += other.expected;
    return *this;
}

ClassScore ScoreClass(const ClassCounts& counts, double zero_division) {
    ClassScore score;
    score.counts = counts;
    score.precision = Share(counts.correct, counts.predicted, zero_division);
    score.recall = Share(counts.correct, counts.expected, zero_division);
    score.f1 = Share(2 * counts.correct, counts.predicted + counts.expected, zero_division);
    return score;
}

ClassReport ReportClasses(const std::vector<ClassCounts>& counts, double zero_division) {
    ClassReport report;
    if (counts.empty()) return report;
    ClassCounts all;
    for (const ClassCounts& one : counts) {
        report.classes.push_back(ScoreClass(one, zero_division));
        all += one;
    }
    report.micro = Averaged(ScoreClass(all, zero_division));
    report.macro = Mean(report.classes, zero_division, One);
    report.weighted = Mean(report.classes, zero_division, [](const ClassScore& score) {
        return static_cast<double>(score.counts.expected);
    });
    return report;
}

Classification ScoreClassification(const std::vector<int64_t>& expected,
                                   const std::vector<int64_t>& predicted, int64_t classes,
                                   double zero_division) {
    HONE_CHECK(expected.size() == predicted.size());
    Classification result;
    const auto size = static_cast<size_t>(classes);
    result.confusion.assign(size, std::vector<int64_t>(size, 0));
    std::vector<ClassCounts> counts(size);
    int64_t correct = 0;
    for (size_t i = 0; i < expected.size(); ++i) {
        HONE_CHECK(expected[i] >= 0 && expected[i] < classes);
        HONE_CHECK(predicted[i] >= kNoClass && predicted[i] < classes);
        const auto row = static_cast<size_t>(expected[i]);
        ++counts[row].expected;
        if (predicted[i] == kNoClass) {
            ++result.no_class;
            continue;
        }
        const auto column = static_cast<size_t>(predicted[i]);
        ++counts[column].predicted;
        ++result.confusion[row][column];
        if (row != column) continue;
        ++counts[row].correct;
        ++correct;
    }
    result.accuracy = Share(correct, static_cast<int64_t>(expected.size()), 0);
    result.report = ReportClasses(counts, zero_division);
    return result;
}

MultiLabel ScoreMultiLabel(const std::vector<std::vector<bool>>& expected,
                           const std::vector<std::vector<bool>>& predicted, double zero_division) {
    HONE_CHECK(expected.size() == predicted.size());
    MultiLabel result;
    if (expected.empty()) return result;
    const size_t classes = expected.front().size();
    std::vector<ClassCounts> counts(classes);
    std::vector<ClassScore> rows;
    int64_t exact = 0, wrong = 0;
    for (size_t i = 0; i < expected.size(); ++i) {
        HONE_CHECK(expected[i].size() == classes && predicted[i].size() == classes);
        ClassCounts row;
        for (size_t c = 0; c < classes; ++c) {
            const ClassCounts one = {expected[i][c] && predicted[i][c], predicted[i][c],
                                     expected[i][c]};
            counts[c] += one;
            row += one;
            wrong += expected[i][c] != predicted[i][c];
        }
        exact += expected[i] == predicted[i];
        rows.push_back(ScoreClass(row, zero_division));
    }
    const auto size = static_cast<int64_t>(expected.size());
    result.exact = Share(exact, size, 0);
    result.hamming_loss = Share(wrong, size * static_cast<int64_t>(classes), 0);
    result.report = ReportClasses(counts, zero_division);
    result.samples = Mean(rows, zero_division, One);
    return result;
}

}  // namespace hone
