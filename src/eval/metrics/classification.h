// Precision, recall and F1 of classes, and what follows from them. Equal to scikit-learn's
// precision_recall_fscore_support, accuracy_score, confusion_matrix and hamming_loss.
#pragma once

#include <cstdint>
#include <vector>

namespace hone {

// Of one class, or of several together.
struct ClassCounts {
    int64_t correct = 0;    // predicted, and so
    int64_t predicted = 0;  // correct or not
    int64_t expected = 0;   // that the references hold: the support
    ClassCounts& operator+=(const ClassCounts& other);
};

struct ClassScore {
    double precision = 0;  // correct / predicted
    double recall = 0;     // correct / expected
    double f1 = 0;         // 2 correct / (predicted + expected)
    ClassCounts counts;
};

// `zero_division` stands for a share of nothing: 0 or 1.
ClassScore ScoreClass(const ClassCounts& counts, double zero_division = 0);

struct AveragedScore {
    double precision = 0, recall = 0, f1 = 0;
};

struct ClassReport {
    std::vector<ClassScore> classes;
    AveragedScore micro;     // of the counts of all classes together
    AveragedScore macro;     // the mean over the classes
    AveragedScore weighted;  // the mean over the classes, each by its `expected`
};

// Without classes all is 0.
ClassReport ReportClasses(const std::vector<ClassCounts>& counts, double zero_division = 0);

// A class that is none: an answer that names no label.
inline constexpr int64_t kNoClass = -1;

// One class for each row: expected[i] in [0, classes), predicted[i] there or kNoClass.
struct Classification {
    double accuracy = 0;
    ClassReport report;
    std::vector<std::vector<int64_t>> confusion;  // [expected][predicted]
    int64_t no_class = 0;                         // rows whose prediction is kNoClass
};
Classification ScoreClassification(const std::vector<int64_t>& expected,
                                   const std::vector<int64_t>& predicted, int64_t classes,
                                   double zero_division = 0);

// Any number of classes for each row: expected[i][c] and predicted[i][c] say whether row i has
// class c.
struct MultiLabel {
    double exact = 0;         // the share of rows with all classes right
    double hamming_loss = 0;  // the share of wrong decisions, over rows and classes
    ClassReport report;
    AveragedScore samples;  // the mean over the rows of each row's own
};
MultiLabel ScoreMultiLabel(const std::vector<std::vector<bool>>& expected,
                           const std::vector<std::vector<bool>>& predicted,
                           double zero_division = 0);

}  // namespace hone
