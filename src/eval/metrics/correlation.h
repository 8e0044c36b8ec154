// How well numbers follow others: Spearman's rank correlation, and the threshold that parts two
// classes best.
#pragma once

#include <vector>

namespace hone {

// The correlation of the ranks, from -1 to 1; equal numbers share the mean of their ranks. NaN
// where one side is constant or has fewer than two numbers. Equal to scipy.stats.spearmanr.
double Spearman(const std::vector<double>& a, const std::vector<double>& b);

struct Threshold {
    double accuracy = 0;
    // Scores from here on count as positive. It lies halfway between two scores; infinite where
    // nothing or everything is positive.
    double threshold = 0;
};
// The threshold with the highest accuracy; of several the highest.
Threshold BestThreshold(const std::vector<double>& scores, const std::vector<bool>& positive);

}  // namespace hone
