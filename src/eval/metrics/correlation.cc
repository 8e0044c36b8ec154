#include "eval/metrics/correlation.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/status.h"

namespace hone {
namespace {

std::vector<size_t> Order(const std::vector<double>& values) {
    std::vector<size_t> order(values.size());
    std::iota(order.begin(), order.end(), size_t{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](size_t a, size_t b) { return values[a] < values[b]; });
    return order;
}

std::vector<double> Ranks(const std::vector<double>& values) {
    const std::vector<size_t> order = Order(values);
    std::vector<double> ranks(values.size());
    for (size_t begin = 0, end = 0; begin < order.size(); begin = end) {
        while (end < order.size() && values[order[end]] == values[order[begin]]) ++end;
        const double shared = static_cast<double>(begin + end - 1) / 2;
        for (size_t i = begin; i < end; ++i) ranks[order[i]] = shared;
    }
    return ranks;
}

}  // namespace

double Spearman(const std::vector<double>& a, const std::vector<double>& b) {
    HONE_CHECK(a.size() == b.size());
    if (a.size() < 2) return std::numeric_limits<double>::quiet_NaN();
    const std::vector<double> x = Ranks(a), y = Ranks(b);
    const double mean = static_cast<double>(a.size() - 1) / 2;
    double xx = 0, yy = 0, xy = 0;
    for (size_t i = 0; i < x.size(); ++i) {
        xx += (x[i] - mean) * (x[i] - mean);
        yy += (y[i] - mean) * (y[i] - mean);
        xy += (x[i] - mean) * (y[i] - mean);
    }
    if (xx == 0 || yy == 0) return std::numeric_limits<double>::quiet_NaN();
    return xy / std::sqrt(xx * yy);
}

Threshold BestThreshold(const std::vector<double>& scores, const std::vector<bool>& positive) {
    HONE_CHECK(scores.size() == positive.size());
    Threshold best;
    if (scores.empty()) return best;
    const std::vector<size_t> order = Order(scores);
    const auto size = static_cast<double>(scores.size());
    // From the highest threshold, with which nothing is positive, down.
    int64_t right = std::count(positive.begin(), positive.end(), false);
    best = {static_cast<double>(right) / size, std::numeric_limits<double>::infinity()};
    for (size_t left = order.size(); left-- > 0;) {
        right += positive[order[left]] ? 1 : -1;
        if (left > 0 && scores[order[left - 1]] == scores[order[left]]) continue;
        const double accuracy = static_cast<double>(right) / size;
        if (accuracy <= best.accuracy) continue;
        best.accuracy = accuracy;
        best.threshold = left == 0 ? -std::numeric_limits<double>::infinity()
                                   : (scores[order[left - 1]] + scores[order[left]]) / 2;
    }
    return best;
}

}  // namespace hone
